//! The rows of the simulated cloud. Every version of a row is kept, so that a list can be answered
//! as of an earlier moment. No validation, no I/O.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;

use crate::log::key_digest;

/// A sign key. Shown only as a digest.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct StoredSignKey(String);

impl StoredSignKey {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredSignKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&key_digest(&self.0))
    }
}

impl Serialize for StoredSignKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&key_digest(&self.0))
    }
}

/// One recording-callback configuration as the cloud holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredRow {
    /// Made by the cloud: 32 hexadecimal digits.
    pub id: String,
    /// The project that it belongs to.
    pub project_id: String,
    /// The ingest domain.
    pub publish_domain: String,
    /// The application, or `*`.
    pub app: String,
    /// Where notifications go.
    pub notify_callback_url: Option<String>,
    /// What is notified of, in the order in which it was sent.
    pub notify_event_subscription: Vec<String>,
    /// How notifications are signed.
    pub sign_type: String,
    /// The key that they are signed with; never returned by the API.
    pub key: Option<StoredSignKey>,
    /// When it was created, by the cloud's clock, in whole seconds.
    pub create_time: Timestamp,
    /// When it was last changed, by the cloud's clock, in whole seconds.
    pub update_time: Timestamp,
}

/// Changes to a row, made out of band or by a fault. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowPatch {
    /// Another ingest domain.
    pub publish_domain: Option<String>,
    /// Another application.
    pub app: Option<String>,
    /// Another URL.
    pub notify_callback_url: Option<String>,
    /// Other events.
    pub notify_event_subscription: Option<Vec<String>>,
    /// Another sign type.
    pub sign_type: Option<String>,
    /// Another key.
    pub key: Option<StoredSignKey>,
    /// Another time of creation.
    pub create_time: Option<Timestamp>,
    /// Another time of the last change; the present time when left out.
    pub update_time: Option<Timestamp>,
}

impl RowPatch {
    /// Writes the changes into a row.
    pub fn apply(&self, row: &mut StoredRow) {
        let patch = self.clone();
        replace(&mut row.publish_domain, patch.publish_domain);
        replace(&mut row.app, patch.app);
        replace(
            &mut row.notify_event_subscription,
            patch.notify_event_subscription,
        );
        replace(&mut row.sign_type, patch.sign_type);
        replace(&mut row.create_time, patch.create_time);
        replace(&mut row.update_time, patch.update_time);
        if let Some(url) = patch.notify_callback_url {
            row.notify_callback_url = Some(url).filter(|url| !url.is_empty());
        }
        if let Some(key) = patch.key {
            row.key = Some(key);
        }
    }
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

#[derive(Debug)]
struct StoredVersion {
    since: Timestamp,
    row: Option<StoredRow>,
}

/// All rows of all projects, by the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Store {
    created: u64,
    places: BTreeMap<String, u64>,
    histories: BTreeMap<u64, Vec<StoredVersion>>,
}

impl Store {
    /// Stores a new row, or a new version of one.
    pub(crate) fn put(&mut self, row: StoredRow, since: Timestamp) {
        let created = &mut self.created;
        let place = *self.places.entry(row.id.clone()).or_insert_with(|| {
            *created += 1;
            *created
        });
        self.histories
            .entry(place)
            .or_default()
            .push(StoredVersion {
                since,
                row: Some(row),
            });
    }

    /// Removes a row and returns it.
    pub(crate) fn remove(&mut self, id: &str, since: Timestamp) -> Option<StoredRow> {
        let row = self.get(id)?.clone();
        let history = self.histories.get_mut(self.places.get(id)?)?;
        history.push(StoredVersion { since, row: None });
        Some(row)
    }

    /// A row as it is now.
    pub(crate) fn get(&self, id: &str) -> Option<&StoredRow> {
        self.histories
            .get(self.places.get(id)?)?
            .last()?
            .row
            .as_ref()
    }

    /// All rows as they are now, oldest first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &StoredRow> {
        self.histories
            .values()
            .filter_map(|history| history.last()?.row.as_ref())
    }

    /// All rows as they were at a moment, oldest first.
    pub(crate) fn rows_at(&self, moment: Timestamp) -> impl Iterator<Item = &StoredRow> {
        self.histories.values().filter_map(move |history| {
            history
                .iter()
                .rfind(|version| version.since <= moment)?
                .row
                .as_ref()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, app: &str) -> StoredRow {
        StoredRow {
            id: id.to_owned(),
            project_id: "p".to_owned(),
            publish_domain: "push.example.com".to_owned(),
            app: app.to_owned(),
            notify_callback_url: None,
            notify_event_subscription: Vec::new(),
            sign_type: "MD5".to_owned(),
            key: Some(StoredSignKey::new("test-key")),
            create_time: Timestamp::UNIX_EPOCH,
            update_time: Timestamp::UNIX_EPOCH,
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn apps<'a>(rows: impl Iterator<Item = &'a StoredRow>) -> Vec<&'a str> {
        rows.map(|row| row.app.as_str()).collect()
    }

    #[test]
    fn the_past_can_be_read() {
        let mut store = Store::default();
        store.put(row("1", "a"), second(10));
        store.put(row("2", "b"), second(20));
        store.put(row("1", "c"), second(30));
        assert!(store.remove("2", second(40)).is_some());
        assert!(store.remove("2", second(41)).is_none());

        assert_eq!(apps(store.rows_at(second(9))), [""; 0]);
        assert_eq!(apps(store.rows_at(second(10))), ["a"]);
        assert_eq!(apps(store.rows_at(second(29))), ["a", "b"]);
        assert_eq!(apps(store.rows_at(second(39))), ["c", "b"]);
        assert_eq!(apps(store.rows()), ["c"]);
        assert!(store.get("2").is_none());
    }

    #[test]
    fn a_key_is_shown_only_as_a_digest() {
        let row = row("1", "a");
        assert!(!format!("{row:?}").contains("test-key"));
        assert!(!serde_json::to_string(&row).unwrap().contains("test-key"));
        assert_eq!(row.key.unwrap().reveal(), "test-key");
    }
}
