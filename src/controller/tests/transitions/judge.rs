//! What must be so after a change: the cloud is as declared, or the status says why not.

use std::time::Duration;

use live_simulator::{LoggedCause, StoredRow};
use serde_json::Value;

use super::annotations::unanswered;
use super::states::StartState;
use super::table::{Spot, TransitionStep};
use super::{LATER, expected};
use crate::controller::tests::object::{domain, verdict};
use crate::controller::tests::oracles;
use crate::controller::tests::suspended;
use crate::controller::tests::world::ControllerWorld;

/// How finely it is looked.
const STEP: Duration = Duration::from_secs(2);
/// For so long it has to stay right: Secrets are read once a minute.
const STAYS: Duration = Duration::from_secs(70);

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

/// How an object is judged.
#[derive(Clone, Copy)]
pub(super) struct JudgedTransition {
    pub(super) state: StartState,
    /// Whether what keeps the object in its state is still there.
    pub(super) lasts: bool,
    /// Whether all changes are edits: those may be seen before what a Secret says now.
    pub(super) is_edit: bool,
    /// Whether a Secret may say something else than a minute ago.
    pub(super) has_new_secrets: bool,
}

/// Waits until what may be said is said, and stays so; tells what is said instead. At no moment is anything said that isn't so.
pub(super) async fn judged(
    world: &ControllerWorld,
    judged: JudgedTransition,
    limit: Duration,
) -> Result<(), String> {
    let end = world.story.age() + limit;
    // A Secret's change is noticed late: what holds now must hold then, too.
    let mut held = Duration::ZERO;
    loop {
        if let Some(untrue) = untrue(world, judged.has_new_secrets) {
            return Err(untrue);
        }
        let wrong = wrong(world, judged);
        if held >= STAYS && wrong.is_none() {
            return Ok(());
        }
        let is_over = world.story.age() >= end;
        if let (true, Some(wrong)) = (is_over, &wrong) {
            return Err(wrong.clone());
        }
        if is_over {
            return Ok(());
        }
        held = if wrong.is_some() {
            Duration::ZERO
        } else {
            held + STEP
        };
        world.pass(STEP).await;
    }
}

/// What the status claims and isn't so, whatever state the object is in.
fn untrue(world: &ControllerWorld, has_new_secrets: bool) -> Option<String> {
    let object = world.object("push")?;
    let status = &object["status"];
    if !world.road.stranger.mutations().is_empty() {
        return Some("something was changed in another cloud".to_owned());
    }
    if let Some(id) = status["callbackID"].as_str() {
        let owner = world.object("owner").unwrap_or_default();
        if owner["status"]["callbackID"] == id {
            return Some(format!("it holds {id}, which is another object's"));
        }
        let mutations = world.cloud().mutations();
        let made = mutations.iter().find(|mutation| mutation.row.id == id);
        let is_own = made.is_some_and(|made| {
            let is_here = object["spec"]["publishDomain"] == made.row.publish_domain.as_str();
            is_here && (made.cause != LoggedCause::OutOfBand || status["adopted"] == true)
        });
        if !is_own {
            return Some(format!("it holds {id}, which is not its own"));
        }
    }
    let (ready, reason) = verdict(&object);
    if ready != "True" || !matches!(reason.as_str(), "Available" | "Normalized" | "ObserveOnly") {
        return None;
    }
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Some(format!("it is being deleted, and {ready} {reason}"));
    }
    let id = status["callbackID"].as_str();
    let rows = world.cloud().rows().into_iter();
    let holds = |row: &StoredRow| {
        let difference = oracles::difference(world, &object["spec"], row);
        // Nor does an object that only looks see a key.
        let sees_key = !has_new_secrets && reason != "ObserveOnly";
        difference.is_none_or(|field| field == "the sign key" && !sees_key)
    };
    let is_held = rows
        .filter(|row| id.is_none_or(|id| row.id == id))
        .any(|row| holds(&row));
    (!is_held).then(|| {
        format!(
            "it is {ready} {reason}, but the cloud does not hold generation {}",
            status["observedGeneration"]
        )
    })
}

/// Whether an object that nothing stands in the way of is as declared, or says why not.
pub(in crate::controller::tests) fn is_as_declared(
    world: &ControllerWorld,
    is_edit: bool,
) -> Result<(), String> {
    let judged = JudgedTransition {
        state: StartState::Settled,
        lasts: true,
        is_edit,
        has_new_secrets: true,
    };
    wrong(world, judged).map_or(Ok(()), Err)
}

fn wrong(world: &ControllerWorld, judged: JudgedTransition) -> Option<String> {
    let state = judged.state;
    let is_going = state == StartState::Terminating;
    let Some(object) = world.object("push") else {
        return (!is_going).then(|| "it is gone".to_owned());
    };
    let mut circumstances = state.circumstances(world);
    circumstances.settled = !judged.is_edit;
    let mut may = expected::reasons(world, &object, circumstances);
    if judged.lasts {
        may.extend(state.tells());
    }
    let (status, reason) = verdict(&object);
    if status == "stale" || !may.contains(&reason.as_str()) {
        return Some(format!("it is {status} {reason}, not {may:?}"));
    }
    if (status.as_str(), reason.as_str()) == ("True", "Suspended") {
        let was_ready = suspended::as_before(&world.server.history());
        return was_ready.err().or_else(|| unlike_before(world, &object));
    }
    let is_elsewhere = may.starts_with(&["Available", "Conflict", "PermissionDenied"]);
    if matches!(reason.as_str(), "Available" | "Normalized") && !is_elsewhere {
        return not_held(world, &object);
    }
    // What can't be called can't look either.
    let waits = judged.lasts && state.tells().contains(&reason.as_str());
    if waits { None } else { unanswered(&object) }
}

/// What is suspended is as it was only while its spec is what was sent, and its key the one that was.
fn unlike_before(world: &ControllerWorld, object: &Value) -> Option<String> {
    let id = object["status"]["callbackID"].as_str();
    let rows = world.cloud().rows().into_iter();
    let mut own = rows.filter(|row| Some(row.id.as_str()) == id);
    let row = own.next()?;
    let difference = oracles::difference(world, &object["spec"], &row);
    // One that is not there may be the one that was sent.
    let is_missing = expected::sign_key(world, &object["spec"]) == Err("missing");
    let difference = difference.filter(|field| !is_missing || *field != "the sign key");
    difference.map(|field| format!("it is suspended and as it was, with another {field}"))
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

/// What is being deleted goes, and leaves nothing.
pub(in crate::controller::tests) async fn gone(
    world: &ControllerWorld,
    steps: &[TransitionStep],
) -> Result<(), String> {
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
    let history = world.server.history().into_iter().rev();
    let mut versions = history.filter(|(_, key, _)| key.1 == "push");
    let (_, _, last) = versions.next().unwrap_or_default();
    let spec = &last["spec"];
    let policy = &spec["deletionPolicy"];
    let observes = ["Observe", "Ignore"]
        .iter()
        .any(|word| spec["managementPolicy"] == *word);
    // Whoever takes the finalizer off lets it go by hand; who only looks deletes nothing.
    let is_by_hand = steps.iter().any(|step| step.spot == Spot::Finalizers);
    let stays = is_by_hand || observes || ["Retain", "Archive"].iter().any(|word| policy == *word);
    if rows > 0 && !stays {
        return Err("it went, and its callback is an orphan".to_owned());
    }
    Ok(())
}
