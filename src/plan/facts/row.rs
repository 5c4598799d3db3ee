//! A callback as the cloud tells it. Every field but the id may be missing. A value only: whose it is, it does not know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::status::RemoteStatus;
use crate::plan::facts::content::{Content, ReportedContent};
use crate::plan::facts::place::Place;

/// One remote callback, as read from a list, a GET or the answer of a write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The id that the cloud made.
    pub id: String,
    /// Ingest domain and application.
    pub place: Place,
    /// What it says.
    pub content: ReportedContent,
    /// Cloud time, 1 s resolution.
    pub create_time: Option<Timestamp>,
    /// Cloud time, 1 s resolution.
    pub update_time: Option<Timestamp>,
}

impl Row {
    /// Whether the row says this content. A field that the row lacks counts as equal.
    pub fn holds(&self, content: &Content) -> bool {
        self.content.holds(content)
    }

    /// What the row tells: one that tells its other fields and no URL has none. Only of what an attempt of ours made a field that is
    /// not told counts as equal.
    pub fn reported(&self) -> ReportedContent {
        let mut reported = self.content.clone();
        if reported.events.is_some() || reported.sign_type.is_some() {
            reported.url.get_or_insert_default();
        }
        reported
    }

    /// Whether the row tells this content, its URL, too.
    pub fn reports(&self, content: &Content) -> bool {
        self.reported().holds(content)
    }

    /// Whether the row says what a status remembers of it, in the cloud's words or in those that were shown for them.
    pub fn is_same(&self, remote: &RemoteStatus) -> bool {
        let remembered = remote.into();
        let shown = || ReportedContent::from(&RemoteStatus::from(&self.content));
        self.content.is_same(&remembered) || shown().is_same(&remembered)
    }

    /// What a status remembers of it beside this spec, if there is one. What the spec says, too, is remembered in its words, so that
    /// it is known again: whoever reads the one reads the other.
    pub fn remembered(&self, wanted: Option<&Content>) -> RemoteStatus {
        let mut row = self.clone();
        if let Some(wanted) = wanted {
            row.content = row.content.shown_beside(wanted);
        }
        RemoteStatus::from(&row)
    }
}

impl From<&Row> for RemoteStatus {
    fn from(row: &Row) -> Self {
        Self {
            id: Some(row.id.clone()),
            create_time: row.create_time.map(|time| time.to_string()),
            update_time: row.update_time.map(|time| time.to_string()),
            ..Self::from(&row.content)
        }
    }
}
