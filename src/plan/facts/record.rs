//! The write-ahead record of creates: what was about to be posted, written to the object before the POST.
//!
//! A create has no idempotency key and no tag, so this record is all that tells our row from a foreign one. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::facts::content::Content;
use crate::terms::target::Target;

/// How many attempts a record keeps: the first and the newest.
const KEPT: usize = 8;
/// The longest record that this program writes, in bytes: a URL has up to 2,048 characters of up to 4 bytes.
pub const LONGEST_RECORD: usize = KEPT * (4 * 2048 + 1024);

/// The record, as it stands in the annotation `live.huaweicloud.com/pending-operation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// UID of the object it was written for; a copied manifest carries a foreign one.
    pub uid: String,
    /// Where the attempts went.
    pub target: Target,
    /// Oldest first. Never empty in a record that we wrote.
    pub attempts: Vec<Attempt>,
}

/// One POST that was sent or may have been.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Made by us, unique.
    pub id: String,
    /// When it was planned, in cloud time.
    pub at: Timestamp,
    /// What it sent.
    #[serde(flatten)]
    pub content: Content,
    /// Digest of the key sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<String>,
}

/// Proof that a record stands on its object, its newest attempt included. Worth one POST: it can't be copied, and nothing else makes one.
#[derive(Debug)]
pub struct WrittenRecord(());

impl WrittenRecord {
    /// The POST of the newest attempt is made.
    pub fn spend(self) {}
}

impl Attempt {
    /// An attempt to create this.
    pub fn new(id: String, at: Timestamp, content: &Content, key_digest: Option<String>) -> Self {
        Self {
            id,
            at,
            content: content.clone(),
            key_digest,
        }
    }
}

impl Record {
    /// A record of one attempt.
    pub fn new(uid: &str, target: &Target, attempt: Attempt) -> Self {
        Self {
            uid: uid.to_owned(),
            target: target.clone(),
            attempts: vec![attempt],
        }
    }

    /// The record of an annotation, if it is one of this object.
    pub fn parse(annotation: &str, uid: &str) -> Option<Self> {
        let mut record: Self = serde_json::from_str(annotation).ok()?;
        record.attempts.shrink_to_fit(); // it was read with room for more, and is kept for long
        (record.uid == uid && !record.attempts.is_empty()).then_some(record)
    }

    /// Proof that this very record stands in the annotation of an object as the API server holds it.
    pub fn written_in(&self, annotation: &str) -> Option<WrittenRecord> {
        let stored = Self::parse(annotation, &self.uid);
        (stored.as_ref() == Some(self)).then_some(WrittenRecord(()))
    }

    /// The same record with one more attempt; beyond the bound the second oldest goes.
    #[must_use]
    pub fn appended(mut self, attempt: Attempt) -> Self {
        self.attempts.push(attempt);
        while self.attempts.len() > KEPT {
            self.attempts.remove(1);
        }
        self
    }

    /// The newest attempt.
    pub fn newest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Its id.
    pub fn newest_id(&self) -> Option<&str> {
        self.newest().map(|newest| newest.id.as_str())
    }

    /// Whether the outcome of the newest attempt is not known, given `status.closedOperation`.
    pub fn is_open(&self, closed_operation: Option<&str>) -> bool {
        self.newest()
            .is_some_and(|newest| closed_operation != Some(newest.id.as_str()))
    }

    /// Whether its newest attempt was made after that of another record of the same object: their ids sort by time.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let newest = |record: &Self| record.newest().map(|newest| newest.id.clone());
        newest(self) > newest(other)
    }

    /// Whether a create was made after the newest of another record of the same object, while the outcome of that was not known.
    pub fn goes_on_from(&self, other: &Self) -> bool {
        let (newest, mut earlier) = (other.newest_id(), self.attempts.iter().rev().skip(1));
        earlier.any(|attempt| Some(attempt.id.as_str()) == newest)
    }

    /// Whether more than one POST may have made something.
    pub fn has_several_attempts(&self) -> bool {
        self.attempts.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn content(url: &str) -> Content {
        Content {
            url: Some(url.to_owned()),
            events: std::iter::once("RECORD_FILE_COMPLETE".to_owned()).collect(),
            sign_type: "HMACSHA256".to_owned(),
        }
    }

    fn attempt(id: &str, at: Timestamp, url: &str) -> Attempt {
        Attempt::new(id.to_owned(), at, &content(url), None)
    }

    /// Two attempts, 100 s apart, with different URLs.
    fn record() -> Record {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: "project".to_owned(),
            endpoint: "https://live.example.com".to_owned(),
        };
        let attempt = |id: &str, second, url| attempt(id, at(second), url);
        let first = attempt("first", 1000, "https://hooks.example.com/a");
        let second = attempt("second", 1100, "https://hooks.example.com/b");
        Record::new("uid", &target, first).appended(second)
    }

    #[test]
    fn a_record_of_another_object_or_of_nothing_is_none() {
        let text = serde_json::json!(record()).to_string();
        assert_eq!(Record::parse(&text, "uid"), Some(record()));
        assert_eq!(Record::parse(&text, "copied manifest"), None);
        let mut empty = record();
        empty.attempts.clear();
        let text = serde_json::json!(empty).to_string();
        assert_eq!(Record::parse(&text, "uid"), None);
        assert_eq!(Record::parse("no JSON", "uid"), None);
    }

    #[test]
    fn what_stands_elsewhere_or_says_something_else_is_no_proof() {
        let text = serde_json::json!(record()).to_string();
        assert!(record().written_in(&text).is_some());
        let newer = record().appended(attempt("third", at(1200), "https://hooks.example.com/c"));
        assert!(newer.written_in(&text).is_none());
        let mut copied = record();
        "another".clone_into(&mut copied.uid);
        assert!(copied.written_in(&text).is_none());
        assert!(record().written_in("").is_none());
    }

    #[test]
    fn a_record_keeps_the_first_attempt_and_the_newest() {
        let newer = |record: Record, number: i64| {
            let url = "https://hooks.example.com/c";
            record.appended(attempt(&number.to_string(), at(2000 + number), url))
        };
        let mut long = record();
        long.attempts.extend(vec![long.attempts[1].clone(); 1_000]);
        let record = (0..20).fold(long, newer);
        let ids: Vec<&str> = record.attempts.iter().map(|a| a.id.as_str()).collect();
        assert_eq!(ids, ["first", "13", "14", "15", "16", "17", "18", "19"]);
    }

    #[test]
    fn the_longest_record_has_room_and_little_more() {
        let longest = Content {
            url: Some("\u{1f600}".repeat(2048)),
            events: (0..3)
                .map(|number| format!("RECORD_FILE_EVENT_{number}"))
                .collect(),
            sign_type: "HMACSHA256".to_owned(),
        };
        let id = "0".repeat(64);
        let target = record().target;
        let attempt = |_| Attempt::new(id.clone(), at(1_800_000_000), &longest, Some(id.clone()));
        let full = (1..KEPT)
            .map(attempt)
            .fold(Record::new(&id, &target, attempt(0)), Record::appended);
        let length = serde_json::to_string(&full).unwrap().len();
        assert!(
            (length..length + KEPT * 1024).contains(&LONGEST_RECORD),
            "{length}"
        );
    }
}
