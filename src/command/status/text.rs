//! The story of an object for people. Pure.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::story::{ObjectStory, RecordDoubt};
use crate::api::status::{OperationStatus, Status};
use crate::command::output::{TableRow, printable, table};
use crate::plan::facts::operation_log;

/// The stories, one below the other. `now` is for saying how long ago.
pub(super) fn render_stories(stories: &[ObjectStory], now: Timestamp) -> String {
    let stories: Vec<String> = stories.iter().map(|story| one(story, now)).collect();
    stories.join("\n")
}

/// A line of a story: what it is about, and what it says.
type StoryLine = (&'static str, String);

fn one(story: &ObjectStory, now: Timestamp) -> String {
    let mut text = String::new();
    for (head, body) in lines(story, now) {
        let head = if head.is_empty() {
            String::new()
        } else {
            format!("{head}:")
        };
        // Writing to a string can't fail.
        let _ = writeln!(text, "{head:<13}{}", printable(&body));
    }
    let operations = operations(&story.status);
    if !operations.is_empty() {
        let _ = write!(text, "\n{}", table(&operations));
    }
    text
}

fn lines(story: &ObjectStory, now: Timestamp) -> Vec<StoryLine> {
    let status = &story.status;
    let mut lines = vec![
        ("Object", format!("{}/{}", story.namespace, story.name)),
        (
            "Place",
            format!("{} {}", story.spec.publish_domain, story.spec.app),
        ),
        ("Target", target(status)),
        ("Callback", callback(status)),
    ];
    if let Some(time) = story.deletion_time {
        lines.push(("Deleted", moment(time, now)));
    }
    lines.extend(condition_lines(story, now));
    if let Some(time) = status.next_attempt_time {
        let failures = status.failures.unwrap_or_default();
        let after = match failures {
            0 => String::new(),
            1 => ", after 1 failure".to_owned(),
            _ => format!(", after {failures} failures"),
        };
        lines.push(("Next try", format!("{}{after}", moment(time, now))));
    }
    lines.extend(
        story
            .record
            .as_ref()
            .map(|doubt| ("Record", record(doubt, now))),
    );
    lines.extend(story.pending.iter().map(|text| ("Pending", text.clone())));
    lines.extend(story.advice.iter().map(|text| ("To do", text.clone())));
    lines
}

fn condition_lines(story: &ObjectStory, now: Timestamp) -> Vec<StoryLine> {
    let mut lines = Vec::new();
    for type_ in ["Ready", "Reconciling", "Stalled"] {
        let Some(condition) = story.condition(type_) else {
            continue;
        };
        let since = condition.last_transition_time;
        let since = since.map_or_else(String::new, |time| format!(" since {}", moment(time, now)));
        lines.push((
            type_,
            format!("{} {}{since}", condition.status, condition.reason),
        ));
        if type_ == "Ready" && !condition.message.is_empty() {
            lines.push(("", condition.message.clone()));
        }
    }
    lines
}

fn target(status: &Status) -> String {
    let target = status.target.as_ref();
    target.map_or_else(
        || "not known yet".to_owned(),
        |target| {
            format!(
                "{} {} at {}",
                target.region, target.project_id, target.endpoint
            )
        },
    )
}

fn callback(status: &Status) -> String {
    let Some(id) = &status.callback_id else {
        return "none is known".to_owned();
    };
    let origin = match status.adopted {
        Some(true) => ", taken over",
        Some(false) => ", created by this object",
        None => "",
    };
    let end = match status.deletion_policy.as_deref() {
        Some("Delete") => "; goes with the object",
        Some("Retain") => "; stays when the object goes",
        _ => "",
    };
    format!("{id}{origin}{end}")
}

fn record(doubt: &RecordDoubt, now: Timestamp) -> String {
    let tries = if doubt.attempts == 1 {
        "create"
    } else {
        "creates"
    };
    let what = if doubt.is_open {
        "whether the newest made a callback is not known yet"
    } else {
        "one that was given up may still have made a callback"
    };
    let newest = moment(doubt.newest, now);
    format!("{} {tries}, the newest {newest}: {what}", doubt.attempts)
}

/// A time, and how far it is from now.
fn moment(time: Timestamp, now: Timestamp) -> String {
    let distance = time.duration_since(now);
    let rough = SignedDuration::from_secs(distance.as_secs()).unsigned_abs();
    let seconds = rough.as_secs();
    let rough = match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    };
    let time = Timestamp::from_second(time.as_second()).unwrap_or(time);
    if distance.is_positive() {
        format!("{time} (in {rough})")
    } else {
        format!("{time} ({rough} ago)")
    }
}

/// The changes, and above them the look that is told while it fails.
fn operations(status: &Status) -> Vec<OperationRow> {
    let look = status.last_operation.as_ref();
    let look = look.filter(|_| operation_log::shows_failed_look(status));
    let all = look.into_iter().chain(&status.operations);
    all.map(OperationRow::of).collect()
}

#[derive(Serialize)]
struct OperationRow([String; 7]);

impl OperationRow {
    fn of(operation: &OperationStatus) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let number = |value: Option<i64>| value.map(|number| number.to_string());
        Self([
            operation
                .time
                .map(|time| time.to_string())
                .unwrap_or_default(),
            operation.type_.clone(),
            operation.outcome.clone(),
            number(operation.http_status).unwrap_or_default(),
            text(&operation.error_code),
            number(operation.count).unwrap_or_else(|| "1".to_owned()),
            text(&operation.request_id),
        ])
    }
}

impl TableRow for OperationRow {
    const HEADS: &'static [&'static str] = &[
        "TIME",
        "TYPE",
        "OUTCOME",
        "HTTP",
        "CODE",
        "COUNT",
        "REQUEST ID",
    ];

    fn cells(&self) -> Vec<String> {
        self.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
    use crate::command::output::assert_in_docs;

    const NOW: &str = "2026-11-25T02:00:01Z";

    fn story(generation: i64, status: &serde_json::Value) -> ObjectStory {
        let record = json!({
            "uid": "7",
            "target": { "region": "cn-north-4", "projectID": "p1", "endpoint": "https://live.example.com" },
            "attempts": [{ "id": "a", "at": "2026-11-25T02:00:00Z", "events": [], "signType": "HMACSHA256" }],
        });
        let object = json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
            "metadata": {
                "name": "push", "namespace": "media", "uid": "7", "generation": generation,
                "annotations": { PENDING_OPERATION: record.to_string(), RECONCILE_REQUESTED_AT: "now" },
            },
            "spec": { "publishDomain": "push.example.com", "app": "live" },
            "status": status,
        });
        ObjectStory::of(serde_json::from_value::<RecordingCallback>(object).unwrap())
    }

    #[test]
    fn a_refusal_is_told_as_in_the_docs() {
        let operation = json!({
            "type": "Create", "outcome": "Rejected", "httpStatus": 400, "errorCode": "LIVE.100011001",
            "requestID": "8e4a-1764000000000-host", "time": "2026-11-25T02:00:00Z",
        });
        let message = "Create failed (HTTP 400, LIVE.100011001): Request Illegal [request id 8e4a-1764000000000-host].";
        let status = json!({
            "observedGeneration": 1, "failures": 1, "nextAttemptTime": "2026-11-25T02:00:05.5Z", "closedOperation": "a",
            "lastHandledReconcileAt": "now", "lastOperation": operation, "operations": [operation],
            "target": { "region": "cn-north-4", "projectID": "0123456789abcdef0123456789abcdef", "endpoint": "https://live.cn-north-4.myhuaweicloud.com" },
            "conditions": [
                { "type": "Ready", "status": "False", "reason": "RequestRejected", "message": message, "lastTransitionTime": "2026-11-25T02:00:00Z" },
                { "type": "Reconciling", "status": "True", "reason": "RequestRejected", "lastTransitionTime": "2026-11-25T02:00:00Z" },
            ],
        });
        let text = render_stories(&[story(1, &status)], NOW.parse().unwrap());
        assert_in_docs(&text);
    }

    #[test]
    fn what_no_operator_has_come_to_is_told() {
        let fresh = render_stories(
            &[story(1, &json!({ "observedGeneration": -1 }))],
            NOW.parse().unwrap(),
        );
        for words in [
            "Target:      not known yet\n",
            "Callback:    none is known\n",
            "Record:      1 create, the newest 2026-11-25T02:00:00Z (1s ago): whether the newest made a callback is not known yet\n",
            "Pending:     no operator has seen this object yet",
            "Pending:     a look that was asked for is not answered yet\n",
        ] {
            assert!(fresh.contains(words), "{words} is not in\n{fresh}");
        }
        let behind = story(
            3,
            &json!({ "observedGeneration": 2, "lastHandledReconcileAt": "now" }),
        );
        assert_eq!(behind.pending.len(), 1);
        assert!(behind.pending[0].contains("generation 3"), "{behind:?}");
    }

    #[test]
    fn times_are_told_from_now() {
        let now: Timestamp = NOW.parse().unwrap();
        for (time, text) in [
            ("2026-11-25T02:00:01Z", "(0s ago)"),
            ("2026-11-25T02:01:59Z", "(in 118s)"),
            ("2026-11-25T01:00:01Z", "(60m ago)"),
            ("2026-11-24T02:00:01Z", "(24h ago)"),
            ("2026-11-20T02:00:01Z", "(5d ago)"),
        ] {
            assert!(moment(time.parse().unwrap(), now).ends_with(text), "{time}");
        }
    }
}
