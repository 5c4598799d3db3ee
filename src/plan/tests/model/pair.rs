//! Two objects that want one place, and a third one's callback elsewhere: who owns, who is a duplicate, who takes over, and what
//! becomes of an id that somebody wrote into a status. One process serves both; each reconcile is carried out whole, as
//! `plan::step::interpreter` drives it, save that its change at the cloud may meet any fate and the process may die of it.

mod facts;
mod process;
mod verdict;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use self::verdict::PairVerdict;
use self::world::{Neglect, PairFate, PairWorld, Setting, THEIRS};
use super::shared::Ends;

const ONE: &str = "at most one callback lies at the place, once quiet";
const UNTOUCHED: &str = "the callback of another place is never touched";
const OWNED: &str = "one object is right, the others say why they are not, once quiet";
const AT_REST: &str = "what is so stays so: one more reconcile and one more sweep change nothing";

/// How much may go wrong, and how often the clock moves on while that is so.
type PairReach = (u8, u8);

#[derive(Debug, Clone, PartialEq, Hash)]
struct PairState {
    world: PairWorld,
    left: PairReach,
}

#[derive(Debug, Clone, PartialEq)]
enum PairAction {
    Reconcile(usize, PairFate),
    Sweep(usize),
    /// A late POST is carried out.
    Commit(usize),
    Crash,
    Tick,
    Delete(usize),
    Edit(usize),
    /// Somebody writes an id into the status: that of the other object, or one of another place.
    Forge(usize, String),
}

impl PairAction {
    fn is_disturbance(&self) -> bool {
        match self {
            Self::Reconcile(_, fate) => *fate != PairFate::Answered,
            Self::Sweep(_) | Self::Crash | Self::Edit(_) | Self::Forge(..) => true,
            Self::Tick | Self::Commit(_) | Self::Delete(_) => false,
        }
    }
}

struct PairModel {
    start: PairState,
    ends: Ends<PairWorld>,
}

impl PairModel {
    fn new(setting: Setting, left: PairReach) -> Self {
        let world = PairWorld::new(setting);
        Self {
            start: PairState { world, left },
            ends: Ends::default(),
        }
    }

    fn ends(&self, state: &PairState, verdict: PairVerdict) -> bool {
        self.ends.of(&state.world) == verdict
    }
}

impl Model for PairModel {
    type State = PairState;
    type Action = PairAction;

    fn init_states(&self) -> Vec<PairState> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &PairState, actions: &mut Vec<PairAction>) {
        let world = &state.world;
        for who in 0..2 {
            let Some(object) = &world.objects[who] else {
                continue;
            };
            if world.has_work(who) {
                let fates = [
                    PairFate::Answered,
                    PairFate::Lost,
                    PairFate::ReplyLost,
                    PairFate::Late,
                    PairFate::Killed,
                ];
                actions.extend(fates.map(|fate| PairAction::Reconcile(who, fate)));
            }
            if world.is_compared(who) {
                actions.push(PairAction::Sweep(who));
            }
            if !object.deleting {
                actions.push(PairAction::Delete(who));
            }
            if object.url == 0 {
                actions.push(PairAction::Edit(who));
            }
            let other = world.objects[1 - who].as_ref();
            let held = other.and_then(|other| other.status.callback_id.clone());
            let ids = held.into_iter().chain([THEIRS.to_owned()]);
            actions.extend(
                ids.filter(|id| object.status.callback_id.as_ref() != Some(id))
                    .map(|id| PairAction::Forge(who, id)),
            );
        }
        actions.extend((0..world.late.len()).map(PairAction::Commit));
        actions.push(PairAction::Crash);
        actions.retain(|action| state.left.0 > 0 || !action.is_disturbance());
        if state.left.1 > 0 {
            actions.push(PairAction::Tick);
        }
    }

    fn next_state(&self, last: &PairState, action: PairAction) -> Option<PairState> {
        let mut state = last.clone();
        state.left.0 -= u8::from(action.is_disturbance());
        state.left.1 -= u8::from(action == PairAction::Tick);
        let world = &mut state.world;
        match action {
            PairAction::Reconcile(who, fate) => world.reconcile(who, fate),
            PairAction::Sweep(who) => world.sweep(who),
            PairAction::Commit(at) => world.commit(at),
            PairAction::Crash => world.crash(),
            PairAction::Tick => world.tick(),
            PairAction::Delete(who) => world.edit(who, |object| object.deleting = true),
            PairAction::Edit(who) => world.edit(who, |object| object.url = 1),
            PairAction::Forge(who, id) => world.forge(who, id),
        }
        (state.world != last.world).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE, |pair: &Self, state| {
                !pair.ends(state, PairVerdict::Several)
            }),
            Property::always(UNTOUCHED, |pair: &Self, state| {
                !pair.ends(state, PairVerdict::Touched)
            }),
            Property::always(OWNED, |pair: &Self, state| {
                !pair.ends(state, PairVerdict::Stuck)
            }),
            Property::always(AT_REST, |pair: &Self, state| {
                !pair.ends(state, PairVerdict::Restless)
            }),
        ]
    }
}

const fn setting(unique: bool, alike: bool) -> Setting {
    Setting {
        unique,
        alike,
        twin: None,
    }
}

/// Each mechanism with the property that it is missed by.
const TWINS: [(Neglect, PairReach, &str); 5] = [
    (Neglect::Rival, (0, 0), OWNED),
    (Neglect::Claims, (1, 0), UNTOUCHED),
    (Neglect::Dispute, (1, 0), UNTOUCHED),
    (Neglect::Disowning, (1, 0), OWNED),
    (Neglect::Waking, (0, 2), OWNED),
];

#[test]
fn of_two_objects_for_one_place_one_is_right_whatever_happens() {
    let depth = std::env::var("MODEL_DEPTH").ok();
    let depth = depth.map(|depth| depth.parse().unwrap());
    let all = [(false, true), (true, false), (false, false), (true, true)];
    let (settings, depth) = match depth {
        Some(depth) => (&all[..], depth),
        None => (&all[..2], 1),
    };
    let mut failures = Vec::new();
    for (unique, alike) in settings.iter().copied() {
        let (began, setting) = (Instant::now(), setting(unique, alike));
        let model = PairModel::new(setting, (depth, 2));
        let checker = model.checker().threads(2).spawn_bfs().join();
        println!(
            "counted: pair, {setting:?}, {depth} disturbances: {} states, {} steps deep, {:?}",
            checker.unique_state_count(),
            checker.max_depth(),
            began.elapsed()
        );
        for (name, path) in checker.discoveries() {
            let actions: Vec<PairAction> = path.into_actions();
            println!("  \"{name}\" fails: {actions:?}");
            failures.push((setting, name, actions));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn what_keeps_two_objects_apart_is_missed() {
    let mut uncaught = Vec::new();
    for (twin, reach, property) in TWINS {
        let lying = |alike| Setting {
            twin: Some(twin),
            ..setting(false, alike)
        };
        let found = [true, false].into_iter().find_map(|alike| {
            let model = PairModel::new(lying(alike), reach).checker();
            let all = HasDiscoveries::AllOf([property].into());
            let checker = model.finish_when(all).spawn_bfs().join();
            checker.discovery(property).map(Path::into_actions)
        });
        println!("{twin:?}: \"{property}\" fails: {found:?}");
        if found.is_none() {
            uncaught.push((twin, property));
        }
    }
    assert!(uncaught.is_empty(), "{uncaught:#?}");
}
