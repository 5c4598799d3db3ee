//! Facts to start from where one rule is tried by itself, and ways to change them.

use jiff::{SignedDuration, Timestamp};

use super::levels::settled;
use super::world::content;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
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

/// Ready says this.
pub(super) fn set_ready(facts: &mut Facts, word: &str, reason: Reason) {
    let condition = &mut facts.status.conditions[0];
    word.clone_into(&mut condition.status);
    reason.as_str().clone_into(&mut condition.reason);
}

/// A record of so many attempts, closed where `closed`.
pub(super) fn record(facts: &mut Facts, attempts: usize, closed: bool) {
    let attempt = |number: usize| Attempt::new(number.to_string(), facts.now, &content(0), None);
    let first = Record::new("uid", &settled().2, attempt(1));
    let record = (2..=attempts).fold(first, |record, number| record.appended(attempt(number)));
    facts.status.closed_operation = record.newest().filter(|_| closed).map(|it| it.id.clone());
    facts.record = Some(record);
}

/// A settled object whose key was sent.
pub(super) fn keyed() -> Facts {
    let mut facts = settled().0;
    facts.desired.as_mut().unwrap().wants_key = true;
    facts.status.sent.as_mut().unwrap().key_digest = Some("digest".to_owned());
    facts
}
