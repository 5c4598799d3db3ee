//! The protocol of creates, updates, deletes and adoptions as a state machine that a model checker explores: the decisions are
//! the product's own, and between any two calls anything may happen.
//!
//! Beyond help, and so not explored, is what the design says can't be told apart or can't be known: a POST that is carried out
//! after the settle time when its record speaks of it no more (`cloud::may_come_late`), and a foreign row that says what an
//! attempt says and comes when that attempt may have made it (`cloud::may_intrude`).

mod actions;
mod calls;
mod cloud;
mod facts;
mod operator;
mod pair;
mod server;
mod shared;
mod twins;
mod world;

use std::time::Instant;

use stateright::{Checker, Model, Path, Property};

use self::actions::ModelAction;
use self::shared::{Ends, hash};
use self::world::{ModelSetup, ModelVerdict, ModelWorld, Wrong};
use super::world::FOREIGN;
use crate::fuzz::is_full;
use crate::plan::facts::Adoption;

const ONE: &str = "at most one callback is ours, once quiet";
const UNTOUCHED: &str = "nothing is deleted or overwritten that may not be";
const NO_ORPHAN: &str = "no callback of ours is left that nobody knows of, once quiet";
const PROGRESS: &str = "Ready and true, in Conflict or gone, once quiet";
const NOT_BESIDE: &str = "nothing is posted beside what was there for every look";
const BLAMELESS: &str =
    "nobody is blamed for what nobody else did, nor is it left to a sweep to be found";
const AT_REST: &str =
    "what is right stays so: one more reconcile and one more sweep call and write nothing";

/// How far the exploration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ModelReach {
    /// How much may go wrong or be changed from outside.
    disturbances: u8,
    /// How often the clock moves on while that is so.
    ticks: u8,
}

#[derive(Debug, Clone, PartialEq, Hash)]
struct ModelState {
    world: ModelWorld,
    left: ModelReach,
}

struct Protocol {
    starts: Vec<ModelState>,
    ends: Ends<ModelWorld>,
}

impl Protocol {
    fn new(starts: &[(ModelSetup, ModelReach)]) -> Self {
        let state = |(setup, left): &(ModelSetup, ModelReach)| ModelState {
            world: ModelWorld::new(*setup),
            left: *left,
        };
        Self {
            starts: starts.iter().map(state).collect(),
            ends: Ends::default(),
        }
    }

    fn end(&self, state: &ModelState) -> ModelVerdict {
        self.ends.of(&state.world)
    }
}

impl Model for Protocol {
    type State = ModelState;
    type Action = ModelAction;

    fn init_states(&self) -> Vec<ModelState> {
        self.starts.clone()
    }

    fn actions(&self, state: &ModelState, actions: &mut Vec<ModelAction>) {
        let world = &state.world;
        if world.wrong.is_some() {
            return;
        }
        actions::possible(world, actions);
        if state.left.ticks > 0 {
            let busy = world.operators().any(|who| world.has_work(who));
            actions.push(if busy {
                ModelAction::Pause
            } else {
                ModelAction::Tick
            });
        }
        actions.retain(|action| state.left.disturbances > 0 || !action.is_disturbance());
    }

    fn next_state(&self, last: &ModelState, action: ModelAction) -> Option<ModelState> {
        let mut state = last.clone();
        state.left.disturbances -= u8::from(action.is_disturbance());
        state.left.ticks -= u8::from(matches!(action, ModelAction::Tick | ModelAction::Pause));
        action.happen(&mut state.world);
        // Which operator is the first does not matter, where there are two.
        let all = state.world.operators();
        state.world.operators[all].sort_by_key(hash);
        (state.world != last.world).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Several
            }),
            Property::always(UNTOUCHED, |model: &Self, state: &ModelState| {
                let end = model.end(state);
                let others = [Wrong::PostedBeside, Wrong::Blamed];
                !matches!(end, ModelVerdict::Wrong(wrong) if !others.contains(&wrong))
            }),
            Property::always(NO_ORPHAN, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Orphan
            }),
            Property::always(PROGRESS, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Stuck
            }),
            Property::always(NOT_BESIDE, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Wrong(Wrong::PostedBeside)
            }),
            Property::always(BLAMELESS, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Wrong(Wrong::Blamed)
            }),
            Property::always(AT_REST, |model: &Self, state: &ModelState| {
                model.end(state) != ModelVerdict::Restless
            }),
        ]
    }
}

/// A path in words: what was done, by which operator.
fn describe_path(path: Path<ModelState, ModelAction>) -> String {
    let steps = path.into_vec().into_iter();
    let steps = steps.filter_map(|(state, action)| {
        let calls = |who: usize| state.world.operators[who].next_call();
        let action = action?;
        Some(if let ModelAction::Step(who) = action {
            format!("{who} {}", calls(who))
        } else if let ModelAction::StepInto(who, fault) = action {
            format!("{who} {} {fault:?}", calls(who))
        } else {
            format!("{action:?}")
        })
    });
    steps.collect::<Vec<_>>().join(", ")
}

const fn reach(disturbances: u8, ticks: u8) -> ModelReach {
    ModelReach {
        disturbances,
        ticks,
    }
}

const fn setup(unique: bool, adoption: Adoption, foreign: Option<usize>) -> ModelSetup {
    ModelSetup {
        unique,
        adoption,
        foreign,
        keyed: false,
        settled: false,
        one_operator: false,
        twin: None,
    }
}

/// One operator creates the callback, and the object's metadata may be wiped.
const ONE_OPERATOR: ModelSetup = ModelSetup {
    one_operator: true,
    ..setup(false, Adoption::Never, None)
};

/// A settled object with a sign key, served by one operator.
const KEYED: ModelSetup = ModelSetup {
    keyed: true,
    settled: true,
    ..ONE_OPERATOR
};

/// What is explored in seconds.
const SHORT: [(ModelSetup, ModelReach); 7] = [
    (setup(false, Adoption::Never, None), reach(1, 3)),
    (setup(false, Adoption::IfIdentical, Some(0)), reach(1, 3)),
    (setup(true, Adoption::IfIdentical, None), reach(1, 3)),
    (setup(true, Adoption::Always, Some(FOREIGN)), reach(1, 3)),
    (ONE_OPERATOR, reach(2, 2)),
    (KEYED, reach(2, 1)),
    (KEYED, reach(3, 0)),
];

/// Every kind of cloud, policy and foreign row: so many disturbances at one moment, one less over several. Where there is less to
/// interleave, more goes wrong.
fn long(disturbances: u8) -> Vec<(ModelSetup, ModelReach)> {
    let settled = ModelSetup {
        settled: true,
        ..ONE_OPERATOR
    };
    let beside = ModelSetup {
        one_operator: false,
        ..KEYED
    };
    let mut all = vec![
        (beside, reach(disturbances, 1)),
        (ONE_OPERATOR, reach(disturbances + 1, 1)),
    ];
    for setup in [KEYED, settled] {
        all.push((setup, reach(disturbances + 1, 1)));
        all.push((setup, reach(disturbances, 3)));
    }
    for unique in [false, true] {
        for adoption in [Adoption::Never, Adoption::IfIdentical, Adoption::Always] {
            for foreign in [None, Some(0), Some(FOREIGN)] {
                let setup = setup(unique, adoption, foreign);
                all.push((setup, reach(disturbances, 0)));
                all.push((setup, reach(disturbances - 1, 3)));
            }
        }
    }
    all
}

/// `MODEL_DEPTH` is the number of disturbances on every ground; without it the run is short, and shorter without `TEST_EXTENT`.
#[test]
fn whatever_happens_the_protocol_ends_right() {
    let starts = match std::env::var("MODEL_DEPTH") {
        Ok(depth) => long(depth.parse().unwrap()),
        Err(_) if is_full() => SHORT.to_vec(),
        Err(_) => SHORT.iter().copied().step_by(2).collect(),
    };
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
            let path = describe_path(path);
            println!("  \"{name}\" fails: {path}");
            failures.push((start, name, path));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
