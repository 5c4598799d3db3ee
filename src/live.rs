//! The Live API of Huawei Cloud. Knows nothing of Kubernetes.

pub mod account;
pub mod ambient;
pub mod answer;
pub mod classify;
pub mod client;
pub mod clock;
pub mod codes;
pub mod credentials;
mod draft;
pub mod endpoint;
pub mod iam;
mod keys;
mod lifetime;
pub mod looks;
pub mod notification;
pub mod purse;
pub mod quota;
pub mod redact;
pub mod sender;
pub mod sign;
pub mod sign_key;
pub mod strikes;
pub mod temporary;
pub mod transport;
pub mod wire;
