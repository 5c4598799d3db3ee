//! A callback as the cloud tells it. Every field but the id may be missing.

use jiff::Timestamp;

use super::place::{Events, Place, Values, same_url};

/// One remote callback, as read from a list, a GET or the answer of a write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The id that the cloud made.
    pub id: String,
    /// Ingest domain and application.
    pub place: Place,
    /// `None` when the row had no such field; empty when the cloud told null or an empty string, which is "nobody is notified".
    pub url: Option<String>,
    /// `None` when the row had no such field.
    pub events: Option<Events>,
    /// `None` when the row had no such field.
    pub sign_type: Option<String>,
    /// Cloud time, 1 s resolution.
    pub create_time: Option<Timestamp>,
    /// Cloud time, 1 s resolution.
    pub update_time: Option<Timestamp>,
}

impl Row {
    /// Whether the row says these values. A field that the row lacks counts as equal.
    pub fn holds(&self, values: &Values) -> bool {
        self.url
            .as_ref()
            .is_none_or(|url| same_url(Some(url), values.url.as_deref()))
            && self
                .events
                .as_ref()
                .is_none_or(|events| *events == values.events)
            && self
                .sign_type
                .as_ref()
                .is_none_or(|sign_type| *sign_type == values.sign_type)
    }
}
