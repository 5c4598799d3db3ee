//! Facts to start from where one rule is tried by itself, and ways to change them.

use jiff::{SignedDuration, Timestamp};

use super::levels::settled;
use crate::plan::facts::time::shifted;
use crate::plan::facts::{CloudAccess, Facts, SignKeyState};
use crate::plan::step::held::SpecHeld;
use crate::plan::step::{Requeue, Step};

/// What is changed of facts.
pub(super) type FactsChange<'a> = &'a dyn Fn(&mut Facts);

/// A settled object whose credentials were read.
pub(super) fn usable() -> Facts {
    let (mut facts, _, target) = settled();
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    facts
}

/// Evidence that the cloud holds what is wanted; one is like another.
pub(super) fn held() -> SpecHeld {
    let (facts, row, _) = settled();
    SpecHeld::by_row(&facts.desired.unwrap(), &row).unwrap()
}

/// The facts with this changed.
pub(super) fn with(facts: &Facts, change: FactsChange<'_>) -> Facts {
    let mut facts = facts.clone();
    change(&mut facts);
    facts
}

/// So many seconds after the facts' now, or before it.
pub(super) fn at(facts: &Facts, seconds: i64) -> Timestamp {
    shifted(facts.now, SignedDuration::from_secs(seconds))
}

/// The end of a step that changes nothing at the cloud.
pub(super) fn requeue_of(step: Step) -> Requeue {
    let Step::Requeue(rest) = step else {
        panic!("{step:?}");
    };
    rest
}
