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

/// The versions of each row of a project, by the order of their creation.
type Histories = BTreeMap<u64, Vec<StoredVersion>>;

/// All rows, by project: a call costs as much as its own project has.
#[derive(Debug, Default)]
pub(crate) struct Store {
    created: u64,
    /// The project of each row, and its number there.
    places: BTreeMap<String, (String, u64)>,
    projects: BTreeMap<String, Histories>,
}

impl Store {
    /// Stores a new row, or a new version of one.
    pub(crate) fn put(&mut self, row: StoredRow, since: Timestamp) {
        let created = &mut self.created;
        let (project, number) = self.places.entry(row.id.clone()).or_insert_with(|| {
            *created += 1;
            (row.project_id.clone(), *created)
        });
        let histories = self.projects.entry(project.clone()).or_default();
        histories.entry(*number).or_default().push(StoredVersion {
            since,
            row: Some(row),
        });
    }

    /// Removes a row and returns it.
    pub(crate) fn remove(&mut self, id: &str, since: Timestamp) -> Option<StoredRow> {
        let row = self.get(id)?.clone();
        let (project, number) = self.places.get(id)?;
        let history = self.projects.get_mut(project)?.get_mut(number)?;
        history.push(StoredVersion { since, row: None });
        Some(row)
    }

    /// A row as it is now.
    pub(crate) fn get(&self, id: &str) -> Option<&StoredRow> {
        let (project, number) = self.places.get(id)?;
        let history = self.projects.get(project)?.get(number)?;
        history.last()?.row.as_ref()
    }

    /// All rows of all projects as they are now, oldest first.
    pub(crate) fn rows(&self) -> Vec<&StoredRow> {
        let histories: BTreeMap<&u64, _> = self.projects.values().flatten().collect();
        let newest = histories.values();
        newest
            .filter_map(|history| history.last()?.row.as_ref())
            .collect()
    }

    /// The rows of a project as they are now, oldest first.
    pub(crate) fn rows_of(&self, project: &str) -> impl Iterator<Item = &StoredRow> {
        self.histories(project)
            .filter_map(|history| history.last()?.row.as_ref())
    }

    /// The rows of a project as they were at a moment, oldest first.
    pub(crate) fn rows_at(
        &self,
        project: &str,
        moment: Timestamp,
    ) -> impl Iterator<Item = &StoredRow> {
        self.histories(project).filter_map(move |history| {
            history
                .iter()
                .rfind(|version| version.since <= moment)?
                .row
                .as_ref()
        })
    }

    fn histories(&self, project: &str) -> impl Iterator<Item = &Vec<StoredVersion>> {
        self.projects
            .get(project)
            .into_iter()
            .flat_map(Histories::values)
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

        let then = |at| apps(store.rows_at("p", second(at)));
        assert_eq!(then(9), [""; 0]);
        assert_eq!(then(10), ["a"]);
        assert_eq!(then(29), ["a", "b"]);
        assert_eq!(then(39), ["c", "b"]);
        assert_eq!(apps(store.rows_of("p")), ["c"]);
        assert_eq!(apps(store.rows_of("another")), [""; 0]);
        let other = StoredRow {
            project_id: "a".to_owned(),
            ..row("3", "d")
        };
        store.put(other, second(50));
        assert_eq!(apps(store.rows().into_iter()), ["c", "d"], "oldest first");
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
