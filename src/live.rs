//! The Live API of Huawei Cloud. Knows nothing of Kubernetes.

pub mod answer;
pub mod looks;
pub mod quota;
