//! The cloud's platform, as every service of it needs it: credentials and where they come from, signatures, IAM, the quota of an
//! identity, strikes against a credential, the transport, the cloud's time, and what may be shown of an answer.
//!
//! Knows nothing of recording callbacks, of Kubernetes, or of what is decided: a small SDK. A call is made of a `quota::Token`, a
//! `credentials::Credential` and a `request::Draft`, and sent by `transport`.

pub mod account;
pub mod ambient;
pub mod call_budget;
pub mod clock;
pub mod codes;
pub mod credentials;
pub mod endpoint;
pub mod failures;
pub mod iam;
pub(crate) mod keys;
pub(crate) mod lifetime;
pub mod quota;
pub mod redact;
pub(crate) mod request;
mod run_to_end;
pub mod service;
pub mod sign;
pub mod strikes;
pub mod temporary;
pub mod transport;
