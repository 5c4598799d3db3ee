//! The protocol of creates, updates, deletes and adoptions as a state machine that a model checker explores: the decisions are
//! the product's own, and between any two calls anything may happen.
//!
//! Beyond help, and so not explored, is what the design says can't be told apart or can't be known: a POST that is carried out
//! after the settle time when its record speaks of it no more (`cloud::may_come_late`), and a foreign row that says what an
//! attempt says and comes when that attempt may have made it (`cloud::may_intrude`).

mod calls;
mod cloud;
mod facts;
mod operator;
mod server;
mod shared;
mod twins;
mod world;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use stateright::{Checker, Model, Path, Property};

use self::operator::{Doing, Operator};
use self::shared::hash;
use self::world::{Fault, Ground, Verdict, World, Wrong};
use super::world::FOREIGN;
use crate::plan::facts::Adoption;
use crate::plan::step::Step;

const ONE: &str = "at most one callback is ours, once quiet";
const UNTOUCHED: &str = "nothing is deleted or overwritten that may not be";
const NO_ORPHAN: &str = "no callback of ours is left that nobody knows of, once quiet";
const PROGRESS: &str = "Ready and true, in Conflict or gone, once quiet";
const NOT_BESIDE: &str = "nothing is posted beside what was there for every look";

/// How far the exploration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Reach {
    /// How much may go wrong or be changed from outside.
    disturbances: u8,
    /// How often the clock moves on while that is so.
    ticks: u8,
}

#[derive(Debug, Clone, PartialEq, Hash)]
struct State {
    world: World,
    left: Reach,
}

/// Something that can happen. The number is that of an operator, or of a row or POST.
#[derive(Debug, Clone, PartialEq)]
enum Action {
    Step(usize),
    StepInto(usize, Fault),
    Crash(usize),
    Sweep(usize),
    BlindSweep(usize),
    Commit(usize),
    Lag,
    /// Time passes while nobody has anything to do.
    Tick,
    /// Time passes while an operator that has something to do is held up.
    Pause,
    Edit,
    Retain,
    Delete,
    Foreign(usize),
    RemoveByHand(usize),
}

impl Action {
    fn is_disturbance(&self) -> bool {
        match self {
            Self::Step(_) | Self::Commit(_) | Self::Tick | Self::Delete => false,
            Self::StepInto(..)
            | Self::Crash(_)
            | Self::Sweep(_)
            | Self::BlindSweep(_)
            | Self::Lag
            | Self::Pause
            | Self::Edit
            | Self::Retain
            | Self::Foreign(_)
            | Self::RemoveByHand(_) => true,
        }
    }
}

struct Protocol {
    starts: Vec<State>,
    /// How the worlds end that were followed to their end.
    ends: Mutex<HashMap<u64, Verdict>>,
}

impl Protocol {
    fn new(starts: &[(Ground, Reach)]) -> Self {
        let state = |(ground, left): &(Ground, Reach)| State {
            world: World::new(*ground),
            left: *left,
        };
        Self {
            starts: starts.iter().map(state).collect(),
            ends: Mutex::default(),
        }
    }

    /// How this world ends if nothing more happens to it. What it comes by on the way ends alike.
    fn end(&self, world: &World) -> Verdict {
        if let Some(known) = self.ends.lock().unwrap().get(&hash(world)) {
            return *known;
        }
        let (mut world, mut passed) = (world.clone(), Vec::new());
        let verdict = loop {
            let key = hash(&world);
            if let Some(known) = self.ends.lock().unwrap().get(&key) {
                break *known;
            }
            passed.push(key);
            if world.wrong.is_some() || !world.go_on() {
                break world.judge();
            }
            if passed.len() > 1000 {
                break Verdict::Stuck;
            }
        };
        self.ends
            .lock()
            .unwrap()
            .extend(passed.into_iter().map(|key| (key, verdict)));
        verdict
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.starts.clone()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let world = &state.world;
        if world.wrong.is_some() {
            return;
        }
        for who in 0..2 {
            if world.has_work(who) {
                actions.push(Action::Step(who));
                faults(world, who, actions);
            }
        }
        if let Some(object) = &world.object {
            outside(world, actions);
            if !object.deleting {
                actions.push(Action::Delete);
            }
        }
        if state.left.ticks > 0 {
            let busy = (0..2).any(|who| world.has_work(who));
            actions.push(if busy { Action::Pause } else { Action::Tick });
        }
        actions.retain(|action| state.left.disturbances > 0 || !action.is_disturbance());
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.left.disturbances -= u8::from(action.is_disturbance());
        state.left.ticks -= u8::from(matches!(action, Action::Tick | Action::Pause));
        let world = &mut state.world;
        match action {
            Action::Step(who) => world.step(who, None),
            Action::StepInto(who, fault) => world.step(who, Some(fault)),
            Action::Crash(who) => world.operators[who] = Operator::default(),
            Action::Sweep(who) => world.sweep(who, false),
            Action::BlindSweep(who) => world.sweep(who, true),
            Action::Commit(at) => world.commit(at),
            Action::Lag => world.lagging = true,
            Action::Tick | Action::Pause => world.tick(),
            Action::Edit => world.edit(|object| object.url = 1),
            Action::Retain => world.edit(|object| object.retain = true),
            Action::Delete => world.edit(|object| object.deleting = true),
            Action::Foreign(url) => drop(world.make(url, None)),
            Action::RemoveByHand(at) => drop(world.rows.remove(at)),
        }
        // Which operator is the first does not matter.
        state.world.operators.sort_by_key(hash);
        (state.world != last.world).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE, |model: &Self, state: &State| {
                model.end(&state.world) != Verdict::Several
            }),
            Property::always(UNTOUCHED, |model: &Self, state: &State| {
                let end = model.end(&state.world);
                !matches!(end, Verdict::Wrong(wrong) if wrong != Wrong::PostedBeside)
            }),
            Property::always(NO_ORPHAN, |model: &Self, state: &State| {
                model.end(&state.world) != Verdict::Orphan
            }),
            Property::always(PROGRESS, |model: &Self, state: &State| {
                model.end(&state.world) != Verdict::Stuck
            }),
            Property::always(NOT_BESIDE, |model: &Self, state: &State| {
                model.end(&state.world) != Verdict::Wrong(Wrong::PostedBeside)
            }),
        ]
    }
}

/// What can meet the next call of an operator.
fn faults(world: &World, who: usize, actions: &mut Vec<Action>) {
    let faults: &[Fault] = match &world.operators[who].doing {
        Doing::Posting(..) => &[
            Fault::Lost,
            Fault::ReplyLost,
            Fault::Late,
            Fault::TooLate,
            Fault::Refused,
        ],
        Doing::Decided(run) if matches!(run.step, Step::Look(_)) => &[Fault::Lost],
        Doing::Decided(run) if matches!(run.step, Step::Update { .. } | Step::Delete { .. }) => {
            &[Fault::Lost, Fault::ReplyLost]
        }
        Doing::Decided(_) | Doing::Nothing | Doing::Landing(..) | Doing::Ending(..) => &[],
    };
    actions.extend(faults.iter().map(|fault| Action::StepInto(who, *fault)));
}

/// What can come from outside.
fn outside(world: &World, actions: &mut Vec<Action>) {
    let object = world.object.as_ref().unwrap();
    for who in 0..2 {
        let operator = &world.operators[who];
        if operator.doing != Doing::Nothing || operator.memory != operator::Memory::default() {
            actions.push(Action::Crash(who));
        }
        if world.is_compared(who) {
            actions.extend([Action::Sweep(who), Action::BlindSweep(who)]);
        }
    }
    let comes = |at: &usize| world.late[*at].due.is_some() || world.may_come_late();
    actions.extend((0..world.late.len()).filter(comes).map(Action::Commit));
    if !world.lagging {
        actions.push(Action::Lag);
    }
    if object.url == 0 {
        actions.push(Action::Edit);
    }
    if !object.retain {
        actions.push(Action::Retain);
    }
    let foreign = [object.url, FOREIGN].into_iter();
    actions.extend(
        foreign
            .filter(|url| world.may_intrude(*url))
            .map(Action::Foreign),
    );
    let here = |at: &usize| world.rows[*at].row.place == cloud::place();
    actions.extend((0..world.rows.len()).filter(here).map(Action::RemoveByHand));
}

/// A path in words: what was done, by which operator.
fn tell(path: Path<State, Action>) -> String {
    let steps = path.into_vec().into_iter();
    let told = steps.filter_map(|(state, action)| {
        let calls = |who: usize| state.world.operators[who].next_call();
        let action = action?;
        Some(if let Action::Step(who) = action {
            format!("{who} {}", calls(who))
        } else if let Action::StepInto(who, fault) = action {
            format!("{who} {} {fault:?}", calls(who))
        } else {
            format!("{action:?}")
        })
    });
    told.collect::<Vec<_>>().join(", ")
}

const fn reach(disturbances: u8, ticks: u8) -> Reach {
    Reach {
        disturbances,
        ticks,
    }
}

const fn ground(unique: bool, adoption: Adoption, foreign: Option<usize>) -> Ground {
    Ground {
        unique,
        adoption,
        foreign,
        twin: None,
    }
}

/// What is explored in seconds.
const SHORT: [(Ground, Reach); 4] = [
    (ground(false, Adoption::Never, None), reach(1, 3)),
    (ground(false, Adoption::IfIdentical, Some(0)), reach(1, 3)),
    (ground(true, Adoption::IfIdentical, None), reach(1, 3)),
    (ground(true, Adoption::Always, Some(FOREIGN)), reach(1, 3)),
];

/// Every kind of cloud, policy and foreign row: so many disturbances at one moment, one less over several.
fn long(disturbances: u8) -> Vec<(Ground, Reach)> {
    let mut all = Vec::new();
    for unique in [false, true] {
        for adoption in [Adoption::Never, Adoption::IfIdentical, Adoption::Always] {
            for foreign in [None, Some(0), Some(FOREIGN)] {
                let ground = ground(unique, adoption, foreign);
                all.push((ground, reach(disturbances, 0)));
                all.push((ground, reach(disturbances - 1, 3)));
            }
        }
    }
    all
}

/// `MODEL_DEPTH` is the number of disturbances on every ground; without it the run is short.
#[test]
fn whatever_happens_the_protocol_ends_right() {
    let depth = std::env::var("MODEL_DEPTH").ok();
    let starts = depth.map_or(SHORT.to_vec(), |depth| long(depth.parse().unwrap()));
    let mut failures = Vec::new();
    for start in starts {
        let began = Instant::now();
        let model = Protocol::new(&[start]);
        let checker = model.checker().threads(2).spawn_bfs().join();
        println!(
            "counted: model, {start:?}: {} states, {} steps deep, {:?}",
            checker.unique_state_count(),
            checker.max_depth(),
            began.elapsed()
        );
        for (name, path) in checker.discoveries() {
            let told = tell(path);
            println!("  \"{name}\" fails: {told}");
            failures.push((start, name, told));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
