//! What a create or an update sends.

use crate::live::sign_key::SignKey;
use crate::plan::facts::content::Content;
use crate::plan::facts::place::Place;

/// What a create or an update sends.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// Ingest domain and app.
    pub place: &'a Place,
    /// URL, events and sign type.
    pub content: &'a Content,
    /// Sent only when given.
    pub key: Option<&'a SignKey>,
}
