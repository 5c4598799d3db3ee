//! What is told of an object that was let go, or was to be. Pure.

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Serialize;

use crate::api::{FINALIZER, PENDING_OPERATION};
use crate::command::output::TableRow;
use crate::plan::facts::record::Record;

/// What became of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum ReleaseWord {
    /// It has the operator's finalizer no longer.
    Released,
    /// It did not have it.
    NotHeld,
    /// It is gone.
    Gone,
    /// It is as it was.
    Failed,
}

/// One object, and where its callback is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Released {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) publish_domain: Option<String>,
    pub(super) app: Option<String>,
    #[serde(rename = "callbackID")]
    pub(super) callback_id: Option<String>,
    pub(super) region: Option<String>,
    #[serde(rename = "projectID")]
    pub(super) project_id: Option<String>,
    pub(super) result: ReleaseWord,
    /// What a person should know of it.
    pub(super) notes: Vec<String>,
}

impl Released {
    pub(super) fn new(object: &DynamicObject, result: ReleaseWord, error: Option<String>) -> Self {
        let text = |pointer: &str| {
            let value = object.data.pointer(pointer);
            value.and_then(|value| value.as_str()).map(str::to_owned)
        };
        let record = record(object);
        let recorded = record.as_ref().map(|record| &record.target);
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            publish_domain: text("/spec/publishDomain"),
            app: text("/spec/app"),
            callback_id: text("/status/callbackID"),
            region: text("/status/target/region")
                .or_else(|| recorded.map(|target| target.region.clone())),
            project_id: text("/status/target/projectID")
                .or_else(|| recorded.map(|target| target.project_id.clone())),
            result,
            notes: error
                .into_iter()
                .chain(notes(object, result, record.as_ref()))
                .collect(),
        }
    }
}

impl Released {
    /// What went wrong.
    pub(super) fn problem(&self) -> Option<String> {
        let is_failed = self.result == ReleaseWord::Failed;
        is_failed.then(|| {
            format!(
                "{}/{}: {}",
                self.namespace,
                self.name,
                self.notes.join("; ")
            )
        })
    }
}

impl TableRow for Released {
    const HEADS: &'static [&'static str] = &[
        "NAMESPACE",
        "NAME",
        "DOMAIN",
        "APP",
        "REMOTE ID",
        "PROJECT",
        "RESULT",
    ];

    fn cells(&self) -> Vec<String> {
        let or_nothing = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut result = format!("{:?}", self.result);
        if !self.notes.is_empty() {
            result = format!("{result}: {}", self.notes.join("; "));
        }
        vec![
            self.namespace.clone(),
            self.name.clone(),
            or_nothing(&self.publish_domain),
            or_nothing(&self.app),
            or_nothing(&self.callback_id),
            or_nothing(&self.project_id),
            result,
        ]
    }
}

/// The record of creates whose outcome is not known, or of which one that was given up may have made something.
fn record(object: &DynamicObject) -> Option<Record> {
    let annotation = object.annotations().get(PENDING_OPERATION)?;
    let record = Record::parse(annotation, &object.uid()?)?;
    let closed = object.data.pointer("/status/closedOperation");
    let is_open = record.is_open(closed.and_then(|closed| closed.as_str()));
    (is_open || record.has_several_attempts()).then_some(record)
}

fn notes(object: &DynamicObject, result: ReleaseWord, record: Option<&Record>) -> Vec<String> {
    let mut notes = Vec::new();
    if record.is_some() {
        let what = "a create may have made a callback whose id is not known: look for it at the cloud by domain and app";
        notes.push(what.to_owned());
    }
    let is_going = object.metadata.deletion_timestamp.is_some();
    let names_one = object.data.pointer("/status/callbackID").is_some();
    match result {
        ReleaseWord::Released if is_going => notes.extend(held_by_others(object)),
        ReleaseWord::Released => {
            notes.push("not being deleted: an operator that starts takes it up again".to_owned());
        }
        ReleaseWord::NotHeld if is_going && names_one => {
            notes.push("an operator that starts goes by its deletionPolicy".to_owned());
        }
        ReleaseWord::NotHeld | ReleaseWord::Gone | ReleaseWord::Failed => {}
    }
    notes
}

/// Who else keeps what was let go from going.
fn held_by_others(object: &DynamicObject) -> Option<String> {
    let others: Vec<&str> = object
        .finalizers()
        .iter()
        .map(String::as_str)
        .filter(|finalizer| *finalizer != FINALIZER)
        .collect();
    let others = others.join(", ");
    (!others.is_empty())
        .then(|| format!("still held by {others}; deletionPolicy Retain keeps its callback"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::command::output::{assert_in_docs, table};

    fn object(metadata: &Value, status: &Value) -> DynamicObject {
        let mut object = json!({
            "metadata": { "name": "push", "namespace": "media", "uid": "7", "finalizers": [FINALIZER] },
            "spec": { "publishDomain": "push.example.com", "app": "live" },
            "status": status,
        });
        json_patch::merge(&mut object["metadata"], metadata);
        serde_json::from_value(object).unwrap()
    }

    fn record(attempts: &[&str]) -> Value {
        let attempts = attempts.iter().map(|id| {
            json!({ "id": id, "at": "2026-11-25T02:00:00Z", "events": [], "signType": "HMACSHA256" })
        });
        let record = json!({
            "uid": "7",
            "target": { "region": "cn-north-4", "projectID": "p1", "endpoint": "https://live.example.com" },
            "attempts": attempts.collect::<Vec<_>>(),
        });
        json!({ "annotations": { PENDING_OPERATION: record.to_string() } })
    }

    const DELETED: &str = "2026-11-25T02:00:00Z";

    #[test]
    fn a_callback_that_stays_is_told_with_its_id_as_in_the_docs() {
        let status = json!({
            "callbackID": "e2fe84def7e476651034ec4b9e92bc30",
            "target": { "region": "cn-north-4", "projectID": "0123456789abcdef0123456789abcdef" },
        });
        let object = object(&json!({ "deletionTimestamp": DELETED }), &status);
        let row = Released::new(&object, ReleaseWord::Released, None);
        let table = table(std::slice::from_ref(&row));
        assert_in_docs(&table);
        assert_eq!(
            serde_json::to_value(row).unwrap(),
            json!({
                "namespace": "media", "name": "push", "publishDomain": "push.example.com", "app": "live",
                "callbackID": "e2fe84def7e476651034ec4b9e92bc30", "region": "cn-north-4",
                "projectID": "0123456789abcdef0123456789abcdef", "result": "Released", "notes": [],
            })
        );
    }

    #[test]
    fn a_create_that_may_have_made_something_is_told_with_its_project() {
        let closed = json!({ "closedOperation": "a" });
        for (attempts, status, has_note) in [
            (&["a"][..], json!({}), true),
            (&["a"], closed.clone(), false),
            (&["0", "a"], closed.clone(), true),
            (&["a", "b"], closed, true),
        ] {
            let row = Released::new(&object(&record(attempts), &status), ReleaseWord::Gone, None);
            assert_eq!(row.notes.len(), usize::from(has_note), "{attempts:?}");
            assert_eq!(row.project_id.as_deref(), has_note.then_some("p1"));
        }
    }

    #[test]
    fn what_comes_next_is_told() {
        let kept = Released::new(&object(&json!({}), &json!({})), ReleaseWord::Released, None);
        assert!(kept.notes[0].contains("takes it up again"), "{kept:?}");
        let two = json!({ "deletionTimestamp": DELETED, "finalizers": [FINALIZER, "other.example.com/x"] });
        let held = Released::new(&object(&two, &json!({})), ReleaseWord::Released, None);
        let note = "still held by other.example.com/x; deletionPolicy Retain keeps its callback";
        assert_eq!(held.notes, [note]);
        let named = object(&two, &json!({ "callbackID": "e2fe84de" }));
        let wiped = Released::new(&named, ReleaseWord::NotHeld, None);
        assert!(wiped.notes[0].contains("deletionPolicy"), "{wiped:?}");
        let failed = Released::new(
            &object(&two, &json!({})),
            ReleaseWord::Failed,
            Some("no".into()),
        );
        assert_eq!(failed.cells()[6], "Failed: no");
    }
}
