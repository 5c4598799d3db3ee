//! The Live API of Huawei Cloud. Knows nothing of Kubernetes.

pub mod answer;
pub mod quota;
pub mod sign;
