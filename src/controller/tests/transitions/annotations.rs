//! What somebody may write into the annotations that are read: tokens that ask for a look, and records of creates, those that carry
//! the object's own UID too.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::Seen;
use super::expected::ExpectedTarget;
use super::states::{self, StartState};
use super::table::{OTHER_PROJECT, Spot, TransitionStep};
use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT};
use crate::controller::tests::object::{PROJECT, verdict};
use crate::controller::tests::world::{ControllerWorld, wall};
use crate::plan::facts::record::Record;

/// So many bytes of a token are told.
const TOLD: usize = 512;
/// Sort before and after every id that is made here.
const FIRST: &str = "0";
const LAST: &str = "zzzz";
/// What stands in a value for what only its world knows.
const OWN_UID: &str = "OWN-UID";
const NOW: &str = "NOW";
const CLOSED: &str = "CLOSED";

/// The tokens that may ask for a look.
pub(super) fn tokens() -> Vec<Value> {
    vec![json!("again"), json!(""), json!("t".repeat(9_999))]
}

/// The records that may come to stand on an object.
pub(super) fn records() -> Vec<Value> {
    let here = |attempts: &[Value]| record(OWN_UID, PROJECT, attempts);
    let usual = "https://hooks.example.com/record";
    let other = "https://other.example.com/";
    vec![
        Value::Null,
        json!("garbage"),
        json!(record("somebody-else", PROJECT, &[])),
        here(&[attempt(FIRST, NOW, usual)]).into(),
        here(&[attempt(LAST, NOW, other)]).into(),
        here(&[
            attempt(FIRST, "2026-01-01T00:00:00Z", other),
            attempt(LAST, NOW, usual),
        ])
        .into(),
        here(&[attempt(LAST, "2036-01-01T00:00:00Z", usual)]).into(),
        here(&[attempt(CLOSED, NOW, other)]).into(),
        record(OWN_UID, OTHER_PROJECT, &[attempt(LAST, NOW, usual)]).into(),
    ]
}

fn record(uid: &str, project: &str, attempts: &[Value]) -> String {
    let target = json!({
        "region": "cn-north-4",
        "projectID": project,
        "endpoint": "https://live.cn-north-4.myhuaweicloud.com",
    });
    json!({"uid": uid, "target": target, "attempts": attempts}).to_string()
}

fn attempt(id: &str, at: &str, url: &str) -> Value {
    json!({
        "id": id,
        "at": at,
        "url": url,
        "events": ["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
        "signType": "HMACSHA256",
    })
}

/// A value with what its world knows. The id of a closed attempt is the other object's, where there is one.
pub(super) fn filled(value: &Value, world: &ControllerWorld) -> Value {
    let Some(text) = value.as_str() else {
        return value.clone();
    };
    let own = world.object("push").unwrap_or_default();
    let closing = world.object("owner").unwrap_or_else(|| own.clone());
    let closed = closing["status"]["closedOperation"].as_str();
    let uid = own["metadata"]["uid"].as_str().unwrap_or_default();
    let filled = text
        .replace(OWN_UID, uid)
        .replace(&format!("\"{NOW}\""), &json!(wall()).to_string())
        .replace(CLOSED, closed.unwrap_or("none"));
    json!(filled)
}

/// Where creates may have made something, as the object itself says.
pub(super) fn attempted_target(object: &Value) -> Option<ExpectedTarget> {
    let target = claiming_record(object)?.target;
    Some(ExpectedTarget {
        region: target.region,
        project: target.project_id,
    })
}

/// Through which address they were sent.
pub(super) fn attempted_endpoint(object: &Value) -> Option<String> {
    Some(claiming_record(object)?.target.endpoint)
}

fn claiming_record(object: &Value) -> Option<Record> {
    let annotation = object["metadata"]["annotations"][PENDING_OPERATION].as_str()?;
    let record = Record::parse(annotation, object["metadata"]["uid"].as_str()?)?;
    let closed = object["status"]["closedOperation"].as_str();
    let newest = record.attempts.last()?.id.as_str();
    let claims = record.attempts.len() > 1 || closed != Some(newest);
    claims.then_some(record)
}

/// Whether the object says that it was posted to this project.
pub(super) fn is_posted_to(object: &Value, project: &str) -> bool {
    attempted_target(object).is_some_and(|attempted| attempted.project == project)
}

/// A look that was asked for and not made.
pub(super) fn unanswered(object: &Value) -> Option<String> {
    let asked = object["metadata"]["annotations"][RECONCILE_REQUESTED_AT].as_str()?;
    let answered = object["status"]["lastHandledReconcileAt"].as_str();
    (Some(&asked[..asked.len().min(TOLD)]) != answered)
        .then(|| "the look that was asked for is not answered".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_project_counts_as_long_as_it_stands_there() {
    let (world, _sky) = states::reach(StartState::Settled).await.unwrap();
    let elsewhere = TransitionStep {
        spot: Spot::Annotation(PENDING_OPERATION),
        to: records().pop().unwrap(),
    };
    let back = elsewhere.back(&world);
    for (step, expected) in [(elsewhere, "TargetChanged"), (back, "Available")] {
        step.apply(&world);
        world.pass(Duration::from_secs(5)).await;
        let object = world.object("push").unwrap();
        assert_eq!(verdict(&object).1, expected, "{}", world.story.whole());
    }
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
}

#[test]
fn a_record_of_another_project_that_was_made_up_is_not_put_back() {
    let elsewhere = TransitionStep {
        spot: Spot::Annotation(PENDING_OPERATION),
        to: records().pop().unwrap(),
    };
    let without_callback = [StartState::Failing, StartState::WaitingForQuota];
    let tried = |state| super::tried(state, std::slice::from_ref(&elsewhere), Seen::AtOnce);
    let problems = without_callback
        .into_iter()
        .filter_map(|state| tried(state).err());
    super::report(&problems.collect::<Vec<_>>());
}

#[test]
fn an_old_record_that_is_put_back_tells_nothing_of_what_was_sent_since() {
    let forged = TransitionStep {
        spot: Spot::Annotation(PENDING_OPERATION),
        to: records().swap_remove(3),
    };
    let edit = TransitionStep {
        spot: Spot::Spec(&["notifyCallbackURL"]),
        to: json!("https://other.example.com/"),
    };
    let problem = super::tried(StartState::ReadOnly, &[forged, edit], Seen::AtOnce).err();
    super::report(&Vec::from_iter(problem));
}
