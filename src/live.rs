//! The Live API of Huawei Cloud. Knows nothing of Kubernetes.

pub mod answer;
pub mod classify;
pub mod clock;
pub mod codes;
pub mod looks;
pub mod quota;
pub mod redact;
pub mod sign;
pub mod transport;
