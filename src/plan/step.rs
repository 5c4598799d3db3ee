//! What to do next for an object: a question, a change at the cloud, or a rest. Pure; no status is made here.

pub mod backoff;
pub mod contention;
pub mod decide;
pub mod delete;
pub(crate) mod dispute;
pub mod drift;
pub mod foreign;
pub mod held;
pub mod interpreter;
pub mod maintain;
pub mod manage;
pub mod observe;
pub mod open_record;
pub mod preconditions;
pub mod second;
pub mod settled;
pub mod situation;

use jiff::Timestamp;

use self::situation::Situation;
use crate::plan::facts::row::Row;
use crate::terms::failure::Failure;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read the credentials and the sign key.
    ReadSecrets,
    /// Look what lies at the place.
    Look(Look),
    /// GET the recorded id.
    GetById,
    /// Read the CRD, to know whether the product is being uninstalled.
    ReadCrd,
    /// Put finalizer and record back on the object: somebody replaced it.
    AddFinalizer,
    /// Take the finalizer off an object that is not being deleted: it only looks from now on.
    RemoveFinalizer,
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
    /// Record a row that is ours, and close the record: an attempt made it, or it was recorded and is there after all.
    Claim(Row),
    /// Record a row that somebody else made, as the policy allows.
    Adopt(Row),
    /// Forget a recorded id that the owner of the place holds, once that was seen in a fresh read of the owner.
    Disown {
        /// The id.
        id: String,
        /// `namespace/name` of the owner.
        owner: String,
    },
    /// Let the object go. With the id of a callback that stays, if one may.
    Release {
        /// The id that stays at the cloud.
        retained: Option<String>,
    },
    /// A look or a GET failed: tell it and come back.
    ReportFailure(Failure),
    /// The sweeps fail: tell that nobody sees any more whether the cloud holds the spec.
    ReportSweepFailure(Failure),
    /// Nothing to do now: tell how things are, and come back when the situation says.
    Requeue(Requeue),
}

/// The end of a reconcile that changes nothing at the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Requeue {
    /// How things are.
    pub situation: Situation,
    /// The row as seen, when it is news.
    pub remote: Option<Row>,
    /// When to come back without having been told to; `None` when only a change matters.
    pub again: Option<Timestamp>,
    /// Whether to look then: what was seen came too soon to count.
    pub with_look: bool,
}

impl Step {
    /// The same, telling this where it is a rest.
    fn telling(mut self, situation: Situation) -> Self {
        if let Self::Requeue(rest) = &mut self {
            rest.situation = situation;
        }
        self
    }
}

impl Requeue {
    /// An end of which only a change matters.
    pub fn new(situation: Situation) -> Self {
        Self {
            situation,
            remote: None,
            again: None,
            with_look: false,
        }
    }

    /// The same, until then at the latest.
    #[must_use]
    pub fn until(self, again: impl Into<Option<Timestamp>>) -> Self {
        let again = again.into();
        Self { again, ..self }
    }

    /// The same, with a row that is news.
    #[must_use]
    pub fn with_row(self, row: Option<&Row>) -> Self {
        let remote = row.cloned();
        Self { remote, ..self }
    }
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

/// A rest in this situation, until something changes or the situation's own time comes.
pub(super) fn requeue(situation: Situation) -> Step {
    let again = situation.next;
    Step::Requeue(Requeue::new(situation).until(again))
}

/// A look that begins at or after a moment.
pub(super) fn look(not_before: Timestamp, proof: Proof) -> Step {
    Step::Look(Look { not_before, proof })
}

/// Nothing to do before a backoff ends.
pub(super) fn requeue_at(next: Timestamp) -> Step {
    Step::Requeue(Requeue::new(Situation::unchanged()).until(next))
}
