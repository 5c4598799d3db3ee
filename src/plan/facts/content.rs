//! What a callback says, apart from its place and its key. This one file, and no other, compares its fields and carries them into a status
//! and back; others may read single ones.
//!
//! Everything here names every field on both sides: a field that is added does not compile until each of these places is decided.
//! Outside it are only the words of others: the spec (`declared::parse`, `import`) and the cloud's API (`live::wire`).

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::api::status::{RemoteStatus, SentStatus};
use crate::plan::facts::reported_url::{ReportedUrl, same_url};

/// A subscription: a set of event names. The cloud keeps an order, which has no meaning.
///
/// A list in order: a tree would have room for eleven of the one or two that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct EventSet(Vec<String>);

impl Deref for EventSet {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for EventSet {
    fn from(mut events: Vec<String>) -> Self {
        events.sort_unstable();
        events.dedup();
        events.shrink_to_fit();
        Self(events)
    }
}

impl FromIterator<String> for EventSet {
    fn from_iter<I: IntoIterator<Item = String>>(events: I) -> Self {
        events.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a EventSet {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for EventSet {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What a callback is to say, or what was sent. As JSON it is a part of each attempt of a record: what was written once must stay
/// readable, so a new field is one that may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Where notifications go; `None` means that nobody is notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The subscribed events.
    #[serde(default)]
    pub events: EventSet,
    /// `HMACSHA256` or `MD5`.
    pub sign_type: String,
}

/// The same as the cloud tells it, or as a status remembers that: of each field nothing may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReportedContent {
    /// Empty when nobody is notified: the cloud told null or an empty string.
    pub url: Option<ReportedUrl>,
    /// The subscribed events.
    pub events: Option<EventSet>,
    /// `HMACSHA256` or `MD5`, or whatever the cloud calls it.
    pub sign_type: Option<String>,
}

/// One field of two contents, side by side.
#[derive(Debug)]
pub(in crate::plan) struct FieldPair<'a> {
    /// Its name in the spec.
    pub(in crate::plan) name: &'static str,
    /// What the one says, if it tells, as it may be shown.
    pub(in crate::plan) from: Option<Cow<'a, str>>,
    /// What the other says, if it tells.
    pub(in crate::plan) to: Option<Cow<'a, str>>,
    /// Whether both mean the same. What is not told equals what is empty.
    pub(in crate::plan) same: bool,
}

impl Content {
    /// Whether both say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        ReportedContent::from(self).is_same(&other.into())
    }

    /// What is remembered of it once it was sent, with the digest of the key that went with it.
    pub fn sent(&self, key_digest: Option<String>) -> SentStatus {
        let Self {
            url,
            events,
            sign_type,
        } = self.clone();
        SentStatus {
            notify_callback_url: url,
            notify_event_subscription: events.into_iter().collect(),
            sign_type: Some(sign_type),
            key_digest,
        }
    }
}

impl ReportedContent {
    /// Whether it says the content. A field that is not told counts as equal.
    pub fn holds(&self, wanted: &Content) -> bool {
        let wanted = wanted.into();
        let fields = self.compare_fields(&wanted);
        fields
            .iter()
            .all(|field| field.from.is_none() || field.same)
    }

    /// Whether both tell the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.compare_fields(other).iter().all(|field| field.same)
    }

    /// The same in words that may be shown: those of this content, where it says so, too, else without secrets.
    #[must_use]
    pub fn shown_beside(&self, known: &Content) -> Self {
        let Self {
            url,
            events,
            sign_type,
        } = self.clone();
        Self {
            url: url.map(|url| url.known_by(known.url.as_deref())),
            events,
            sign_type,
        }
    }

    /// All fields of both: the one comparison of contents.
    pub(in crate::plan) fn compare_fields<'a>(&'a self, other: &'a Self) -> [FieldPair<'a>; 3] {
        let Self {
            url,
            events,
            sign_type,
        } = self;
        let Self {
            url: other_url,
            events: other_events,
            sign_type: other_sign_type,
        } = other;
        [
            FieldPair {
                name: "notifyCallbackURL",
                from: url.as_ref().map(|url| url.shown().into()),
                to: other_url.as_ref().map(|url| url.shown().into()),
                same: same_url(url.as_ref(), other_url.as_ref()),
            },
            FieldPair {
                name: "notifyEventSubscription",
                from: events.as_ref().map(joined),
                to: other_events.as_ref().map(joined),
                same: events.iter().flatten().eq(other_events.iter().flatten()),
            },
            FieldPair {
                name: "signType",
                from: sign_type.as_deref().map(Into::into),
                to: other_sign_type.as_deref().map(Into::into),
                same: sign_type == other_sign_type,
            },
        ]
    }
}

impl From<&Content> for ReportedContent {
    fn from(content: &Content) -> Self {
        let Content {
            url,
            events,
            sign_type,
        } = content.clone();
        Self {
            url: url.map(Into::into),
            events: Some(events),
            sign_type: Some(sign_type),
        }
    }
}

impl From<&SentStatus> for Content {
    fn from(sent: &SentStatus) -> Self {
        let SentStatus {
            notify_callback_url,
            notify_event_subscription,
            sign_type,
            key_digest: _,
        } = sent;
        Self {
            url: notify_callback_url.clone(),
            events: notify_event_subscription.iter().cloned().collect(),
            sign_type: sign_type.clone().unwrap_or_default(),
        }
    }
}

impl From<&RemoteStatus> for ReportedContent {
    fn from(remote: &RemoteStatus) -> Self {
        let RemoteStatus {
            id: _,
            notify_callback_url,
            notify_event_subscription,
            sign_type,
            create_time: _,
            update_time: _,
        } = remote;
        let events: EventSet = notify_event_subscription.iter().cloned().collect();
        Self {
            url: notify_callback_url.clone().map(Into::into),
            events: Some(events).filter(|events| !events.is_empty()),
            sign_type: sign_type.clone(),
        }
    }
}

/// What a status remembers of it, without the id and the times of the row.
impl From<&ReportedContent> for RemoteStatus {
    fn from(reported: &ReportedContent) -> Self {
        let ReportedContent {
            url,
            events,
            sign_type,
        } = reported.clone();
        Self {
            id: None,
            notify_callback_url: url.map(Into::into),
            notify_event_subscription: events.into_iter().flatten().collect(),
            sign_type,
            create_time: None,
            update_time: None,
        }
    }
}

fn joined(events: &EventSet) -> Cow<'_, str> {
    match &**events {
        [event] => event.into(),
        events => events.join(", ").into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::status::Status;
    use crate::plan::facts::difference;
    use crate::plan::facts::record::Record;

    fn content() -> Content {
        Content {
            url: Some("https://hooks.example.com/record".to_owned()),
            events: EventSet::from(vec!["RECORD_FAILED".to_owned(), "RECORD_OVER".to_owned()]),
            sign_type: "MD5".to_owned(),
        }
    }

    /// The content with another value in each field in turn.
    fn others() -> [Content; 3] {
        let mut others = [content(), content(), content()];
        others[0].url = None;
        others[1].events = EventSet::from(vec!["RECORD_OVER".to_owned()]);
        "HMACSHA256".clone_into(&mut others[2].sign_type);
        others
    }

    #[test]
    fn every_field_counts_in_every_comparison() {
        assert!(content().is_same(&content()));
        let names = others().map(|other| {
            let (reported, wanted) = (
                ReportedContent::from(&content()),
                ReportedContent::from(&other),
            );
            assert!(
                !content().is_same(&other) && !reported.is_same(&wanted) && !reported.holds(&other)
            );
            let changes = difference::between(&reported, &other);
            assert_eq!(changes.len(), 1, "{changes:?}");
            changes[0].field.clone()
        });
        let all = difference::from_nothing(&content());
        let all: Vec<String> = all.into_iter().map(|change| change.field).collect();
        assert_eq!(names.to_vec(), all);
    }

    #[test]
    fn what_is_not_told_counts_as_equal_to_what_is_wanted_only() {
        let empty = ReportedContent::default();
        assert!(empty.holds(&content()) && difference::between(&empty, &content()).is_empty());
        assert!(!empty.is_same(&ReportedContent::from(&content())));
        let nobody = ReportedContent {
            url: Some(String::new().into()),
            ..ReportedContent::default()
        };
        assert!(
            !nobody.holds(&content()),
            "it tells that nobody is notified"
        );
        let [silent, ..] = others();
        assert!(nobody.holds(&silent) && nobody.is_same(&empty));
    }

    #[test]
    fn every_field_comes_through_a_status() {
        for content in others().iter().chain([&content()]) {
            let reported = ReportedContent::from(content);
            assert_eq!(
                ReportedContent::from(&RemoteStatus::from(&reported)),
                reported
            );
            assert_eq!(Content::from(&content.sent(None)), *content);
        }
        let empty = ReportedContent::default();
        assert_eq!(RemoteStatus::from(&empty), RemoteStatus::default());
    }

    /// As version 0.2.0 wrote them.
    #[test]
    fn old_records_and_statuses_are_read_and_written_as_they_were() {
        let record = r#"{"uid":"uid","target":{"region":"cn-north-4","projectID":"project","endpoint":"https://live.cn-north-4.myhuaweicloud.com"},"attempts":[{"id":"first","at":"2026-11-25T02:00:00Z","url":"https://hooks.example.com/record","events":["RECORD_FAILED","RECORD_OVER"],"signType":"MD5","keyDigest":"00"},{"id":"second","at":"2026-11-25T02:01:00.5Z","events":["RECORD_FILE_COMPLETE"],"signType":"HMACSHA256"}]}"#;
        let read = Record::parse(record, "uid").unwrap();
        assert_eq!(read.attempts[0].content, content());
        assert_eq!(serde_json::to_string(&read).unwrap(), record);
        let least = json!({"uid": "uid", "target": {"region": "r", "projectID": "p", "endpoint": "e"},
            "attempts": [{"id": "1", "at": "2026-11-25T02:00:00Z", "signType": "MD5"}]});
        assert!(Record::parse(&least.to_string(), "uid").is_some());

        let status = r#"{"callbackID":"id","sent":{"notifyCallbackURL":"https://hooks.example.com/record","notifyEventSubscription":["RECORD_FAILED","RECORD_OVER"],"signType":"MD5","keyDigest":"00"},"remote":{"id":"id","notifyCallbackURL":"https://hooks.example.com/record","notifyEventSubscription":["RECORD_FAILED","RECORD_OVER"],"signType":"MD5","createTime":"2026-11-25T02:00:00Z","updateTime":"2026-11-25T02:00:00Z"}}"#;
        let read: Status = serde_json::from_str(status).unwrap();
        let (sent, remote) = (read.sent.clone().unwrap(), read.remote.clone().unwrap());
        assert_eq!(Content::from(&sent), content());
        assert_eq!(content().sent(sent.key_digest.clone()), sent);
        assert!(ReportedContent::from(&remote).holds(&content()));
        let written: Value = serde_json::from_str(status).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
        assert_eq!(serde_json::to_string(&read).unwrap(), status);
    }
}
