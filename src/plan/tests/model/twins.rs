//! Twins of the protocol, each with one mechanism missing: the world lies in its stead, so the product needs no switch. A
//! mechanism whose twin the model does not catch would be there for nothing, or the model would see nothing.

use stateright::{Checker, HasDiscoveries, Model};

use super::world::ModelSetup;
use super::{
    AT_REST, BLAMELESS, KEYED, ModelReach, NO_ORPHAN, NOT_BESIDE, ONE, ONE_OPERATOR, PROGRESS,
    Protocol, SHORT, UNTOUCHED, describe_path, reach, setup,
};
use crate::plan::facts::Adoption;

/// What the protocol relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mechanism {
    /// Off: the record is not stored.
    WriteAhead,
    /// Off: of a record only the newest attempt is stored.
    AppendedAttempts,
    /// Off: a look for a first create shows nothing.
    LookBeforeCreate,
    /// Off: it is 0.
    SettleTime,
    /// Off: the API server takes a write whatever it was planned on.
    VersionGuard,
    /// Off: rows of other places are taken for rows of this one.
    ExactMatch,
    /// Off: the id is gone without having been asked for.
    GetBeforeVanished,
    /// Off: every row says what the newest attempt says.
    ValuesMatch,
    /// Off: before a PUT or DELETE the object is taken to be as it was planned on.
    FreshRead,
    /// Off: the row that was last seen is not stored.
    RememberedRow,
    /// Off: a process knows of a record only as long as the object has it.
    RememberedRecord,
    /// Off: the sign key is not compared where nothing else asks for it.
    KeyIsLevel,
    /// Off: rows do not tell when they were changed.
    UpdateTime,
    /// Off: nobody compares the inventory.
    Sweep,
    /// Off: an update that may have happened is told as something else.
    DoubtedKey,
    /// Off: after an update that was given up, and the next one, the callback is not looked at.
    RecheckedUpdate,
    /// Off: a look that was put off is forgotten when something else comes first.
    PutOffLook,
}

/// Each with the start from which it is caught, and the property that catches it.
const TWINS: [(Mechanism, (ModelSetup, ModelReach), &str); 17] = [
    (Mechanism::WriteAhead, (BARE, reach(1, 0)), NO_ORPHAN),
    (Mechanism::AppendedAttempts, (BARE, reach(1, 2)), ONE),
    (
        Mechanism::LookBeforeCreate,
        (TAKEN, reach(0, 0)),
        NOT_BESIDE,
    ),
    (Mechanism::SettleTime, (BARE, reach(1, 1)), NO_ORPHAN),
    (Mechanism::VersionGuard, (BARE, reach(0, 0)), ONE),
    (Mechanism::ExactMatch, (ADOPTING, reach(0, 0)), PROGRESS),
    (Mechanism::GetBeforeVanished, (BARE, reach(1, 2)), ONE),
    (Mechanism::ValuesMatch, (BARE, reach(1, 0)), UNTOUCHED),
    (Mechanism::FreshRead, (BARE, reach(1, 0)), UNTOUCHED),
    (Mechanism::RememberedRow, (BARE, reach(0, 0)), AT_REST),
    (
        Mechanism::RememberedRecord,
        (ONE_OPERATOR, reach(2, 2)),
        ONE,
    ),
    (Mechanism::KeyIsLevel, (KEYED, reach(1, 0)), PROGRESS),
    (Mechanism::UpdateTime, (KEYED, reach(1, 0)), PROGRESS),
    (Mechanism::Sweep, (KEYED, reach(1, 0)), PROGRESS),
    (Mechanism::DoubtedKey, (KEYED, reach(3, 0)), PROGRESS),
    (Mechanism::RecheckedUpdate, (KEYED, reach(2, 1)), BLAMELESS),
    (Mechanism::PutOffLook, (KEYED, reach(3, 0)), AT_REST),
];

const BARE: ModelSetup = setup(false, Adoption::Never, None);
const TAKEN: ModelSetup = setup(false, Adoption::IfIdentical, Some(0));
const ADOPTING: ModelSetup = setup(true, Adoption::IfIdentical, None);

#[test]
fn every_mechanism_is_missed() {
    let mut uncaught = Vec::new();
    for (mechanism, (setup, reach), property) in TWINS {
        let setup = ModelSetup {
            twin: Some(mechanism),
            ..setup
        };
        let checker = Protocol::new(&[(setup, reach)])
            .checker()
            .finish_when(HasDiscoveries::AllOf([property].into()))
            .spawn_bfs()
            .join();
        let trace = checker.discovery(property).map(describe_path);
        println!(
            "{mechanism:?}, {} states: \"{property}\" fails: {}",
            checker.unique_state_count(),
            trace.as_deref().unwrap_or("never")
        );
        if trace.is_none() {
            let others: Vec<_> = checker.discoveries().into_keys().collect();
            uncaught.push((mechanism, property, others));
        }
    }
    assert!(uncaught.is_empty(), "{uncaught:#?}");
}

#[test]
fn where_a_twin_fails_the_protocol_itself_is_explored_no_less() {
    for (mechanism, (setup, reach), _) in TWINS {
        let covers = |(explored, far): &(ModelSetup, ModelReach)| {
            *explored == setup && far.disturbances >= reach.disturbances && far.ticks >= reach.ticks
        };
        assert!(SHORT.iter().any(covers), "{mechanism:?}");
    }
}
