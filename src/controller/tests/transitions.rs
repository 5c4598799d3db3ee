//! Every field changes to each class of its values, from every state of an object: then the cloud is as declared, or the status says
//! exactly why not, and it took no more calls and writes than it may.
//!
//! `TRANSITION_SHARE` says of how many single changes one is tried, 1 is all; `TRANSITION_PAIRS` how many pairs are, beside
//! `TEST_EXTENT`.

mod annotations;
mod expected;
mod judge;
pub(super) mod states;
pub(super) mod table;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use http::Method;

use self::judge::{JudgedTransition, judged, still_keeps};
pub(super) use self::judge::{gone, is_as_declared};
use self::states::{STATES, StartState};
use self::table::TransitionStep;
use super::chance::SeededChance;
use super::world::ControllerWorld;
use crate::fuzz::{extent, print_extent};

/// A Secret is read once a minute, a strike is waited for.
const SOON: Duration = Duration::from_mins(3);
/// Whatever was waited for while the state lasted.
const LATER: Duration = Duration::from_mins(15);
/// So many calls and writes may be made after a state has ended, or a change was taken back: no loop makes so few.
const MOST_CALLS: usize = 18;
const MOST_WRITES: usize = 26;
/// What a create may have made is looked for after 1, 2, 4, 8 and 16 s, and at the end of the settle time.
const LOOKS_FOR_CREATE: usize = 6;
/// What is not found through another address is looked for after 5, 10, 20, 40 and 80 s, by a list and by id.
const TRIES_ASTRAY: usize = 6;
const FEW_SINGLES: usize = 29;
const FEW_PAIRS: usize = 12;
const USUAL_PAIRS: usize = 200;
/// The states that are tried with changes that nobody sees.
const UNSEEN_IN: [StartState; 3] = [
    StartState::Settled,
    StartState::Suspended,
    StartState::Observed,
];

/// When an operator sees the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    AtOnce,
    /// None runs while they are made.
    Late,
}

#[test]
fn single_transitions() {
    each_alone(&STATES, Seen::AtOnce, "changes of one field");
}

/// What changes while no operator runs is found by the next one: nothing but what holds now tells it.
#[test]
fn transitions_that_nobody_sees() {
    each_alone(
        &UNSEEN_IN,
        Seen::Late,
        "changes of one field while none runs",
    );
}

/// Each change of one field, from each of these states.
fn each_alone(states: &[StartState], seen: Seen, what: &str) {
    let steps = table::steps();
    let all = states
        .iter()
        .flat_map(|state| steps.iter().map(|step| (*state, step)));
    let share = extent("TRANSITION_SHARE", FEW_SINGLES, 1);
    let (mut problems, mut count) = (Vec::new(), 0_usize);
    for (state, step) in all.step_by(share) {
        count += 1;
        problems.extend(tried(state, std::slice::from_ref(step), seen).err());
    }
    print_extent(&format!("{count} {what}"));
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
        problems.extend(tried(*chance.pick(&STATES), &pair, Seen::AtOnce).err());
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
fn tried(state: StartState, steps: &[TransitionStep], seen: Seen) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let work = AssertUnwindSafe(transition(state, steps, seen)).catch_unwind();
    let result = runtime
        .block_on(work)
        .unwrap_or_else(|_| Err("panic".to_owned()));
    let named: Vec<String> = steps
        .iter()
        .map(|step| format!("{:?} -> {}", step.spot, step.to))
        .collect();
    result.map_err(|problem| format!("{state:?}: {}: {problem}", named.join(" and ")))
}

async fn transition(state: StartState, steps: &[TransitionStep], seen: Seen) -> Result<(), String> {
    let (mut world, sky) = states::reach(state).await?;
    let description =
        |world: &ControllerWorld, problem: String| format!("{problem}\n{}", world.story.whole());
    let back: Vec<TransitionStep> = steps.iter().map(|step| step.back(&world)).collect();
    if seen == Seen::Late {
        world.kill().await;
    }
    for step in steps {
        step.apply(&world);
    }
    if seen == Seen::Late {
        world.start();
    }
    let mut cost = TransitionCost::of(&world);
    let is_edit = steps.iter().all(TransitionStep::is_edit);
    let while_it_lasts = JudgedTransition {
        state,
        lasts: true,
        is_edit,
        has_new_secrets: !is_edit,
    };
    judged(&world, while_it_lasts, SOON)
        .await
        .map_err(|problem| description(&world, problem))?;
    let (calls, writes) = cost.since(&world);
    let object = world.object("push").unwrap_or_default();
    let (most_calls, most_writes) = state.most(expected::is_refused(&object["spec"]));
    let looks = if steps.iter().any(TransitionStep::opens_record) {
        LOOKS_FOR_CREATE
    } else {
        0
    };
    let tries = if steps.iter().any(TransitionStep::leads_astray) {
        TRIES_ASTRAY
    } else {
        0
    };
    if calls > most_calls + looks + 2 * tries || writes > most_writes + tries {
        return Err(description(
            &world,
            format!("{calls} calls and {writes} writes while it lasts"),
        ));
    }
    if state.keeps_still() && still_keeps(&world, state) && cost.has_changed_the_cloud(&world) {
        return Err(description(
            &world,
            "something was changed at the cloud".to_owned(),
        ));
    }
    if let (StartState::Settled, [step], Seen::AtOnce) = (state, steps, seen)
        && let Some((most_calls, most_writes)) = step.figures()
        && (calls > most_calls || writes > most_writes)
    {
        return Err(description(
            &world,
            format!("{calls} calls and {writes} writes"),
        ));
    }
    cost = TransitionCost::of(&world);
    let ends_by_an_edit = state.ends_by_an_edit() && still_keeps(&world, state);
    state.end(&mut world, &sky).await;
    if state == StartState::Terminating {
        return gone(&world, steps)
            .await
            .map_err(|problem| description(&world, problem));
    }
    let afterwards = JudgedTransition {
        state: StartState::Settled,
        lasts: false,
        is_edit: is_edit || ends_by_an_edit,
        ..while_it_lasts
    };
    judged(&world, afterwards, LATER)
        .await
        .map_err(|problem| description(&world, format!("afterwards {problem}")))?;
    cost.are_few(&world)
        .map_err(|problem| description(&world, format!("afterwards {problem}")))?;
    cost = TransitionCost::of(&world);
    world.story.log("all is taken back");
    for step in &back {
        step.apply(&world);
    }
    let taken_back = JudgedTransition {
        is_edit: true,
        ..afterwards
    };
    judged(&world, taken_back, LATER)
        .await
        .map_err(|problem| description(&world, format!("taken back {problem}")))?;
    cost.are_few(&world)
        .map_err(|problem| description(&world, format!("when it was taken back {problem}")))?;
    if made_up_is_back(&world, steps) {
        let problem = "a record that was made up and taken away is back".to_owned();
        return Err(description(&world, problem));
    }
    Ok(())
}

/// Whether the object says again that it was posted to another project, as somebody made up and took away.
fn made_up_is_back(world: &ControllerWorld, steps: &[TransitionStep]) -> bool {
    let was_made_up = steps.iter().any(TransitionStep::opens_record_elsewhere);
    // Where the credentials led there, too, it was as good as any.
    let led_there =
        |step: &TransitionStep| step.to == table::OTHER_PROJECT || step.to == table::ELSEWHERE;
    let was_believed = steps.iter().any(led_there);
    let object = world.object("push").unwrap_or_default();
    was_made_up && !was_believed && annotations::is_posted_to(&object, table::OTHER_PROJECT)
}

/// How many calls and writes there were so far.
struct TransitionCost {
    calls: usize,
    writes: usize,
}

impl TransitionCost {
    fn of(world: &ControllerWorld) -> Self {
        Self {
            calls: world.calls().len(),
            writes: world.server.history().len(),
        }
    }

    /// So many calls and writes since then.
    fn since(&self, world: &ControllerWorld) -> (usize, usize) {
        let now = Self::of(world);
        (
            now.calls - self.calls,
            now.writes.saturating_sub(self.writes),
        )
    }

    /// Whether there were no more since then than there may be when a state ends, for its owner too.
    fn are_few(&self, world: &ControllerWorld) -> Result<(), String> {
        let (calls, writes) = self.since(world);
        if calls > MOST_CALLS || writes > MOST_WRITES {
            return Err(format!("{calls} calls and {writes} writes"));
        }
        Ok(())
    }

    fn has_changed_the_cloud(&self, world: &ControllerWorld) -> bool {
        let calls = world.calls();
        let mut made = calls[self.calls..].iter();
        made.any(|made| made.call.method != Method::GET && !made.call.is_login)
    }
}
