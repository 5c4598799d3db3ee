//! Kubernetes, as far as the operator needs it. Knows nothing of the cloud.

pub mod client;
pub mod crd_check;
pub mod error;
pub mod event;
pub mod in_flight;
pub mod installed;
pub mod lease;
pub mod limits;
pub mod object;
pub mod observer;
mod outline;
pub mod pods;
pub mod pulse;
pub mod raw;
pub mod rehearsal;
pub mod rights;
pub mod secret;
pub mod stored;
pub mod three_way;
pub mod watch;
