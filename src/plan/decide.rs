//! The decision: one step for one object, from its facts.

use jiff::Timestamp;

use super::{
    delete, dispute,
    facts::Facts,
    failure::Failure,
    manage, observe,
    row::Row,
    situation::{Situation, Stage},
};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read the credentials and the sign key.
    Access,
    /// Look what lies at the place.
    Look(Look),
    /// GET the recorded id.
    Show,
    /// Read the CRD, to know whether the product is being uninstalled.
    Definition,
    /// Put finalizer and record back on the object: somebody replaced it.
    Protect,
    /// Take the finalizer off an object that is not being deleted: it only looks from now on.
    Unprotect,
    /// POST: the place is free.
    Create,
    /// PUT all fields to this id.
    Update {
        /// The id.
        id: String,
        /// Somebody else changed the row, and this is how; `None` when the spec or the key changed.
        drift: Option<String>,
    },
    /// DELETE this id, which is ours.
    Delete {
        /// The id.
        id: String,
    },
    /// Record a row that an attempt of ours made.
    Claim(Row),
    /// Record a row that somebody else made, as the policy allows.
    Adopt(Row),
    /// Let the object go. With the id of a callback that stays, if one may.
    Release {
        /// The id that stays at the cloud.
        retained: Option<String>,
    },
    /// A look or a GET failed: tell it and come back.
    Failed(Failure),
    /// The sweeps fail: tell that nobody sees any more whether the cloud holds the spec.
    Unseen(Failure),
    /// Nothing to do now: tell how things are, and come back when the situation says.
    Rest(Rest),
}

/// The end of a reconcile that changes nothing at the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// How things are.
    pub situation: Situation,
    /// The row as seen, when it is news.
    pub remote: Option<Row>,
    /// When to come back without having been told to; `None` when only a change matters.
    pub again: Option<Timestamp>,
    /// Whether to look then: what was seen came too soon to count.
    pub look_again: bool,
}

/// A look at the object's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// It must have begun at or after this moment of cloud time.
    pub not_before: Timestamp,
    /// Whether finding nothing must be worth something.
    pub proof: Proof,
}

/// What a look is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Rows matter; that there is none is only a hint.
    Presence,
    /// That nothing is there must be certain: it is worth a first create.
    Absence,
}

/// Who goes first when the quota is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Deletes, updates, requested looks, looks after an unknown outcome.
    Urgent,
    /// First creates and their looks.
    Create,
    /// Retries and sweeps.
    Background,
}

impl Lane {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Create => "create",
            Self::Background => "background",
        }
    }
}

/// The next step.
pub fn decide(facts: &Facts) -> Step {
    dispute::checked(facts, undisputed(facts))
}

/// The next step, if the recorded id is this object's.
fn undisputed(facts: &Facts) -> Step {
    if facts.object.deleting {
        return delete::decide(facts);
    }
    let must_hold = facts.id().is_some() || facts.open_record().is_some();
    let wiped = !facts.object.annotated && facts.claiming_record().is_some();
    if must_hold && (!facts.object.finalizer || wiped) && !facts.policies.observe {
        return Step::Protect;
    }
    if facts.policies.observe && facts.object.finalizer && facts.open_record().is_none() {
        return Step::Unprotect;
    }
    if facts.policies.suspend {
        return suspended(facts);
    }
    let desired = match &facts.desired {
        Ok(desired) => desired,
        Err(problem) => return rest(Situation::invalid_spec(problem)),
    };
    if facts.only_looks() {
        observe::decide(facts, desired)
    } else {
        manage::decide(facts, desired)
    }
}

/// The lane of the calls for this object.
pub fn lane(facts: &Facts) -> Lane {
    if facts.object.deleting || facts.unanswered().is_some() || facts.open_record().is_some() {
        return Lane::Urgent;
    }
    let retry = facts.status.failures.unwrap_or_default() > 0
        && !facts.nudged
        && facts.status.observed_generation == Some(facts.object.generation);
    match (retry, facts.id()) {
        (true, _) => Lane::Background,
        (false, Some(_)) => Lane::Urgent,
        (false, None) => Lane::Create,
    }
}

/// A rest in this situation, until something changes or the situation's own time comes.
pub(super) fn rest(situation: Situation) -> Step {
    let again = situation.next;
    Step::Rest(Rest {
        situation,
        remote: None,
        again,
        look_again: false,
    })
}

/// Suspended: Ready stays as it was while what was last sent is what the spec wants.
fn suspended(facts: &Facts) -> Step {
    let as_sent = facts
        .desired
        .as_ref()
        .is_ok_and(|desired| manage::is_as_sent(facts, desired));
    rest(Situation::suspended(if as_sent {
        Stage::Kept
    } else {
        Stage::Unknown
    }))
}
