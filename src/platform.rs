//! The cloud's platform, as every service of it needs it: credentials and where they come from, signatures, IAM, the quota of an
//! identity, strikes against a credential, the transport, the cloud's time, and what may be shown of an answer.
//!
//! Knows nothing of recording callbacks, of Kubernetes, or of what is decided: a small SDK. A call takes a [`quota::Token`]; its request
//! is made complete with what a [`credentials::Credential`] proves, and sent by a [`transport::Transport`]. Texts of errors are sentences,
//! or parts of one, for people: nothing secret is in them.

pub mod account;
pub mod ambient;
pub mod call_budget;
pub mod clock;
pub mod codes;
pub mod credentials;
pub mod endpoint;
pub mod failures;
pub mod iam;
pub mod json;
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
