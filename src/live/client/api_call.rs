//! What an operation sends, before it is known who asks. Values only.

use bytes::Bytes;
use http::Method;

use crate::live::sign_key::SignKey;
use crate::platform::transport::Deadline;
use crate::terms::failure::Operation;

/// What an operation sends.
pub(super) struct ApiCall<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) key: Option<&'a SignKey>,
    /// `None` for a look, which takes the client's own.
    pub(super) deadline: Option<Deadline>,
}
