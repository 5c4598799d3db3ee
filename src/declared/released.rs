//! Objects as released versions left them, creates of unknown outcome among them, are read as they were meant, and what is written of them
//! is what those versions read. `tests/operator/released.rs` keeps them, and has the programs themselves follow each other.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::parse;
use crate::api::{PENDING_OPERATION, RecordingCallback};
use crate::plan::facts::PlanSettings;

const SETTINGS: PlanSettings = PlanSettings {
    settle_time: Duration::from_secs(30),
    stall_after: Duration::from_mins(10),
    read_only: false,
};

/// The objects of each version that `tests/deploy/released` names.
fn released() -> Vec<(String, Vec<Value>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let list = fs::read_to_string(tests.join("deploy/released")).unwrap();
    let versions = list.lines().filter_map(|line| line.split(' ').next());
    let read = |version: &str| {
        let path = tests.join(format!("data/released/{version}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: WRITE_RELEASED=1 cargo test --test operator -- released::",
                path.display()
            )
        });
        (version.to_owned(), serde_json::from_str(&text).unwrap())
    };
    versions.map(read).collect()
}

/// The moment at which they were kept: the newest that one of them tells of.
fn moment(objects: &[Value]) -> Timestamp {
    let conditions = objects
        .iter()
        .filter_map(|object| object["status"]["conditions"].as_array());
    let times = conditions
        .flatten()
        .map(|condition| condition["lastTransitionTime"].as_str());
    times
        .flatten()
        .map(|time| time.parse().unwrap())
        .max()
        .unwrap()
}

#[test]
fn what_released_versions_wrote_is_read_and_written_as_it_was() {
    for (version, objects) in released() {
        let now = moment(&objects);
        let (mut open, mut reasons) = (Vec::new(), Vec::new());
        for stored in &objects {
            let object: RecordingCallback = serde_json::from_value(stored.clone()).unwrap();
            let name = object.name_any();
            let facts = parse::facts(&object, SETTINGS, now);
            let written = object.status.is_some().then(|| json!(facts.status));
            assert_eq!(written.as_ref(), stored.get("status"), "{version} {name}");
            assert_eq!(json!(object.spec), stored["spec"], "{version} {name}");
            assert!(facts.desired.is_ok(), "{version} {name}");
            let annotation = &stored["metadata"]["annotations"][PENDING_OPERATION];
            let record = facts.record.as_ref();
            let kept = annotation
                .as_str()
                .map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(record.map(|record| json!(record)), kept, "{version} {name}");
            let closed = facts.status.closed_operation.as_deref();
            if record.is_some_and(|record| record.is_open(closed)) {
                open.push(name);
            }
            let conditions = facts.status.conditions.into_iter();
            reasons.extend(conditions.map(|condition| condition.reason));
        }
        assert_eq!(open, ["lost-0", "unknown-0"], "{version}");
        reasons.sort();
        reasons.dedup();
        assert!(reasons.len() >= 10, "{version}: {reasons:?}");
    }
}
