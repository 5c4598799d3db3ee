//! What must be so after a change: the cloud is as declared, or the status says why not.

use std::time::Duration;

use serde_json::Value;

use super::states::StartState;
use super::table::{Spot, TransitionStep};
use super::{LATER, expected};
use crate::controller::tests::object::{domain, verdict};
use crate::controller::tests::oracles;
use crate::controller::tests::world::ControllerWorld;

/// How finely it is looked.
const STEP: Duration = Duration::from_secs(2);

/// Whether what keeps the object still is still there after the steps.
pub(super) fn still_keeps(world: &ControllerWorld, state: StartState) -> bool {
    let object = world.object("push").unwrap_or_default();
    match state {
        StartState::Suspended => object["spec"]["suspend"] == true,
        StartState::Observed => object["spec"]["managementPolicy"] == "Observe",
        StartState::TargetChanged => object["spec"]["region"] == "cn-south-1",
        StartState::Settled
        | StartState::ReadOnly
        | StartState::WaitingForQuota
        | StartState::Failing
        | StartState::Conflict
        | StartState::Duplicate
        | StartState::Terminating
        | StartState::DuringPost => true,
    }
}

/// Waits until what may be said is said, and stays so; tells what is said instead.
pub(super) async fn judged(
    world: &ControllerWorld,
    state: StartState,
    is_edit: bool,
    limit: Duration,
) -> Result<(), String> {
    let end = world.story.age() + limit;
    loop {
        let wrong = wrong(world, state, is_edit);
        let Some(wrong) = wrong else {
            if world.story.age() >= end {
                return Ok(());
            }
            // A Secret's change is noticed late: what holds now must hold then, too.
            world
                .pass(
                    end.saturating_sub(world.story.age())
                        .min(Duration::from_secs(70)),
                )
                .await;
            let later = self::wrong(world, state, is_edit);
            if later.is_none() {
                return Ok(());
            }
            continue;
        };
        if world.story.age() >= end {
            return Err(wrong);
        }
        world.pass(STEP).await;
    }
}

/// Whether an object that nothing stands in the way of is as declared, or says why not.
pub(in crate::controller::tests) fn is_as_declared(
    world: &ControllerWorld,
    is_edit: bool,
) -> Result<(), String> {
    wrong(world, StartState::Settled, is_edit).map_or(Ok(()), Err)
}

fn wrong(world: &ControllerWorld, state: StartState, is_edit: bool) -> Option<String> {
    let Some(object) = world.object("push") else {
        return Some("it is gone".to_owned());
    };
    let mut circumstances = state.circumstances();
    circumstances.settled = !is_edit;
    let may = expected::reasons(world, &object, circumstances);
    let (status, reason) = verdict(&object);
    if status == "stale" || !may.contains(&reason.as_str()) {
        return Some(format!("it is {status} {reason}, not {may:?}"));
    }
    let is_elsewhere = may.starts_with(&["Available", "Conflict", "PermissionDenied"]);
    if matches!(reason.as_str(), "Available" | "Normalized") && !is_elsewhere {
        return not_held(world, &object);
    }
    unanswered(&object)
}

fn not_held(world: &ControllerWorld, object: &Value) -> Option<String> {
    let rows: Vec<_> = world.rows(&domain("push"));
    if rows.len() != 1 {
        return Some(format!("there are {} rows", rows.len()));
    }
    if object["status"]["callbackID"] != rows[0].id.as_str() {
        return Some("the row is not the one that is recorded".to_owned());
    }
    let difference = oracles::difference(world, &object["spec"], &rows[0]);
    // A key that is not there any more can't be sent.
    let has_key = expected::sign_key(world, &object["spec"]).is_ok();
    let difference = difference.filter(|field| has_key || *field != "the sign key");
    difference
        .map(|field| format!("it is Ready, but the cloud has another {field}"))
        .or_else(|| unanswered(object))
}

/// A look that was asked for and not made.
fn unanswered(object: &Value) -> Option<String> {
    let asked = &object["metadata"]["annotations"][crate::api::RECONCILE_REQUESTED_AT];
    let answered = &object["status"]["lastHandledReconcileAt"];
    (asked.is_string() && asked != answered)
        .then(|| "the look that was asked for is not answered".to_owned())
}

/// What is being deleted goes, and leaves nothing.
pub(super) async fn gone(world: &ControllerWorld, steps: &[TransitionStep]) -> Result<(), String> {
    let spec = world.object("push").unwrap_or_default()["spec"].clone();
    let policy = &spec["deletionPolicy"];
    let observes = ["Observe", "Ignore"]
        .iter()
        .any(|word| spec["managementPolicy"] == *word);
    let gone = world
        .until(LATER, |world| world.object("push").is_none())
        .await;
    let rows = world.rows(&domain("push")).len();
    if !gone {
        let object = world.object("push").unwrap_or_default();
        let (_, reason) = verdict(&object);
        let waits = [
            "Suspended",
            "CredentialsMissing",
            "CredentialsRejected",
            "EndpointNotAllowed",
            "TargetChanged",
            "PermissionDenied",
        ];
        return if waits.contains(&reason.as_str()) {
            Ok(())
        } else {
            Err(format!("it is not gone: {reason}"))
        };
    }
    // Whoever takes the finalizer off lets it go by hand; who only looks deletes nothing.
    let is_by_hand = steps.iter().any(|step| step.spot == Spot::Finalizers);
    let stays = is_by_hand || observes || ["Retain", "Archive"].iter().any(|word| policy == *word);
    if rows > 0 && !stays {
        return Err("it went, and its callback is an orphan".to_owned());
    }
    Ok(())
}
