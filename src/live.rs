//! The Live API of Huawei Cloud. Knows nothing of Kubernetes.
