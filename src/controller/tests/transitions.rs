//! Every field changes to each class of its values, from every state of an object: then the cloud is as declared, or the status says
//! exactly why not, and it took no more calls and writes than it may.
//!
//! `TRANSITION_SHARE` says of how many single changes one is tried, 1 is all; `TRANSITION_PAIRS` how many pairs are, beside
//! `TEST_EXTENT`.

mod expected;
pub(super) mod states;
pub(super) mod table;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use http::Method;
use serde_json::Value;

use self::states::{STATES, StartState};
use self::table::{Spot, TransitionStep};
use super::chance::SeededChance;
use super::object::{domain, verdict};
use super::oracles;
use super::world::ControllerWorld;
use crate::fuzz::{extent, print_extent};

/// A Secret is read once a minute, a strike is waited for.
const SOON: Duration = Duration::from_mins(3);
/// Whatever was waited for while the state lasted.
const LATER: Duration = Duration::from_mins(15);
/// How finely it is looked.
const STEP: Duration = Duration::from_secs(2);
/// Calls that one change of a settled object may cause: a GET or look at a new account, a PUT, a look, and the tries of a refusal.
const CALLS: usize = 8;
const FEW_SINGLES: usize = 17;
const FEW_PAIRS: usize = 12;
const USUAL_PAIRS: usize = 200;

#[test]
fn single_transitions() {
    let steps = table::steps();
    let all = STATES
        .iter()
        .flat_map(|state| steps.iter().map(|step| (*state, step)));
    let share = extent("TRANSITION_SHARE", FEW_SINGLES, 1);
    let (mut problems, mut count) = (Vec::new(), 0_usize);
    for (state, step) in all.step_by(share) {
        count += 1;
        problems.extend(tried(state, std::slice::from_ref(step)).err());
    }
    print_extent(&format!("{count} changes of one field"));
    report(&problems);
}

#[test]
fn pairs_of_transitions() {
    let pairs = extent("TRANSITION_PAIRS", FEW_PAIRS, USUAL_PAIRS);
    let steps = table::steps();
    let mut problems = Vec::new();
    for number in 0..pairs {
        let mut chance = SeededChance::of(1, "pair", number);
        let pair = [chance.pick(&steps).clone(), chance.pick(&steps).clone()];
        problems.extend(tried(*chance.pick(&STATES), &pair).err());
    }
    print_extent(&format!("{pairs} changes of two fields"));
    report(&problems);
}

pub(super) fn report(problems: &[String]) {
    if let Ok(directory) = std::env::var("ADVERSARY_STORIES") {
        for (number, problem) in problems.iter().enumerate() {
            std::fs::write(format!("{directory}/t{number}.txt"), problem).unwrap();
        }
    }
    let heads: Vec<&str> = problems
        .iter()
        .filter_map(|problem| problem.lines().next())
        .collect();
    let first = problems.first().map_or("", String::as_str);
    assert!(
        problems.is_empty(),
        "{first}\n{} fail:\n{}",
        problems.len(),
        heads.join("\n")
    );
}

/// One transition in a world of its own.
fn tried(state: StartState, steps: &[TransitionStep]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let work = AssertUnwindSafe(transition(state, steps)).catch_unwind();
    let result = runtime
        .block_on(work)
        .unwrap_or_else(|_| Err("panic".to_owned()));
    let named: Vec<String> = steps
        .iter()
        .map(|step| format!("{:?} -> {}", step.spot, step.to))
        .collect();
    result.map_err(|problem| format!("{state:?}: {}: {problem}", named.join(" and ")))
}

async fn transition(state: StartState, steps: &[TransitionStep]) -> Result<(), String> {
    let (mut world, sky) = states::reach(state).await?;
    let description =
        |world: &ControllerWorld, problem: String| format!("{problem}\n{}", world.story.whole());
    let back: Vec<TransitionStep> = steps.iter().map(|step| step.back(&world)).collect();
    let calls = world.calls().len();
    for step in steps {
        step.apply(&world);
    }
    let versions = world.server.history().len();
    // An edit may be seen before what a Secret says now.
    let is_edit = steps.iter().all(TransitionStep::is_edit);
    if state.is_judged() {
        judged(&world, state, is_edit, SOON)
            .await
            .map_err(|problem| description(&world, problem))?;
        let made = &world.calls()[calls..];
        let changes = made
            .iter()
            .filter(|made| made.call.method != Method::GET)
            .count();
        if made.len() > CALLS {
            return Err(description(&world, format!("{} calls", made.len())));
        }
        if let (StartState::Settled, [step]) = (state, steps)
            && let Some((most_calls, most_writes)) = step.figures()
        {
            let writes = world.server.history().len() - versions;
            if made.len() > most_calls || writes > most_writes {
                return Err(description(
                    &world,
                    format!("{} calls and {writes} writes", made.len()),
                ));
            }
        }
        if state.keeps_still() && changes > 0 && still_keeps(&world, state) {
            return Err(description(
                &world,
                "something was changed at the cloud".to_owned(),
            ));
        }
    }
    state.end(&mut world, &sky).await;
    if state == StartState::Terminating {
        return gone(&world, steps)
            .await
            .map_err(|problem| description(&world, problem));
    }
    let is_edit = is_edit || state.ends_by_an_edit();
    judged(&world, StartState::Settled, is_edit, LATER)
        .await
        .map_err(|problem| description(&world, format!("afterwards {problem}")))?;
    world.story.log("all is taken back");
    for step in &back {
        step.apply(&world);
    }
    judged(&world, StartState::Settled, true, LATER)
        .await
        .map_err(|problem| description(&world, format!("taken back {problem}")))
}

/// Whether what keeps the object still is still there after the steps.
fn still_keeps(world: &ControllerWorld, state: StartState) -> bool {
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
async fn judged(
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
pub(super) fn is_as_declared(world: &ControllerWorld, is_edit: bool) -> Result<(), String> {
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
async fn gone(world: &ControllerWorld, steps: &[TransitionStep]) -> Result<(), String> {
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
