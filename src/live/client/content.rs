//! What a create or an update sends.

use crate::{
    live::sign_key::SignKey,
    plan::place::{Place, Values},
};

/// What a create or an update sends.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Ingest domain and app.
    pub place: &'a Place,
    /// URL, events and sign type.
    pub values: &'a Values,
    /// Sent only when given.
    pub key: Option<&'a SignKey>,
}
