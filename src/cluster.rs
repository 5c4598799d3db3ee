//! Kubernetes, as far as the operator needs it. Knows nothing of the cloud.
