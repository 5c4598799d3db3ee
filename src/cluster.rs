//! Kubernetes, as far as the operator needs it. Knows nothing of the cloud.

pub mod event;
pub mod object;
pub mod secret;
