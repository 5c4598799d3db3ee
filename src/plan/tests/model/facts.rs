//! The facts of a reconcile, as `controller::gather` and `controller::reconciliation` put them together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cloud::{place, plain};
use super::operator::{ModelLook, ModelQuestion, ModelReconciliation, OperatorKnown};
use super::server::ModelObject;
use super::twins::Mechanism;
use super::world::{ModelWorld, target};
use crate::plan::facts::operation_log;
use crate::plan::facts::row::Row;
use crate::plan::facts::{
    CloudAccess, CrdPresence, Deletion, Desired, Facts, GetResult, LostUpdate, ObjectFacts,
    Observed, PlanSettings, Policies, Rewrites, SignKeyState,
};
use crate::plan::tests::world::process::{failure, update_of_gone};
use crate::plan::tests::world::{SETTLE, content, moment};
use crate::terms::failure::{Class, Failure, Operation};

impl ModelWorld {
    pub(super) fn settle_time(&self) -> Duration {
        let lies = self.lies(Mechanism::SettleTime);
        Duration::from_secs(if lies { 0 } else { SETTLE.unsigned_abs() })
    }

    pub(super) fn facts_of(&self, who: usize, reconciliation: &ModelReconciliation) -> Facts {
        self.facts(who, &reconciliation.object, &reconciliation.known)
    }

    /// The facts from an object and what was found out.
    pub(super) fn facts(&self, who: usize, object: &ModelObject, known: &OperatorKnown) -> Facts {
        let memory = &self.operators[who].memory;
        Facts {
            now: moment(known.now),
            settings: PlanSettings {
                settle_time: self.settle_time(),
                stall_after: Duration::from_mins(10),
                read_only: false,
            },
            object: ObjectFacts {
                uid: "uid".to_owned(),
                namespace: "media".to_owned(),
                name: "push".to_owned(),
                generation: object.generation,
                finalizer: object.finalizer,
                has_record: object.record.is_some(),
                deleting: object.deleting,
                held_by: Vec::new(),
                requested: None,
            },
            policies: Policies {
                deletion: object.retain.then_some(Deletion::Retain),
                suspend: object.suspend,
                ..Policies::default()
            },
            place: place(),
            desired: Ok(Desired {
                place: place(),
                content: content(object.url),
                wants_key: self.setup.keyed,
                adoption: self.setup.adoption,
            }),
            last_write: operation_log::last_write(&object.status),
            wrote: None,
            lost_update: LostUpdate {
                given_up: None,
                rechecked: if self.lies(Mechanism::RecheckedUpdate) {
                    operation_log::lost_update(&object.status, self.settle_time())
                } else {
                    memory.update_rechecked
                },
            },
            next_attempt: object.status.next_attempt_time,
            status: object.status.clone(),
            record: known.record.as_deref().cloned(),
            record_first_seen: moment(known.now),
            posted_here: false,
            released: false,
            rechecked: known.rechecked,
            look_due: memory.look_at.is_some_and(|at| at <= known.now),
            dependency_changed: false,
            access: if known.access {
                CloudAccess::Usable(target())
            } else {
                CloudAccess::Unread
            },
            credential: None,
            key: match known.key {
                0 if known.access => SignKeyState::Unwanted,
                0 => SignKeyState::Unread,
                key => SignKeyState::Digest(digest(key)),
            },
            key_in_doubt: false,
            account_has_seen: true,
            other_owner: None,
            knows_all: true,
            is_hearsay: false,
            claimed_elsewhere: BTreeSet::new(),
            deleted: memory.deleted.clone(),
            crd: if known.crd {
                CrdPresence::Stays
            } else {
                CrdPresence::Unread
            },
            observed: observed(known.look_result.as_ref()),
            get_result: match &known.get_result {
                ModelQuestion::Nothing => GetResult::Unasked,
                ModelQuestion::Gone => GetResult::Gone,
                ModelQuestion::Row(row) => GetResult::Row(Row::clone(row)),
            },
            not_found: known.not_found.then(update_of_gone),
            baseline: None,
            rewrites: Rewrites::default(),
            sweep_failure: None,
            queued: false,
        }
    }
}

/// The digest of a sign key.
pub(super) fn digest(key: u8) -> String {
    format!("key-{key}")
}

fn observed(look_result: Option<&ModelLook>) -> Observed {
    match look_result {
        None => Observed::Unasked,
        Some(ModelLook::Failed) => Observed::Unknown(Failure {
            operation: Operation::List,
            ..failure(Class::CloudDown)
        }),
        Some(ModelLook::Seen {
            begun,
            rows,
            proven,
        }) => Observed::seen(moment(*begun), plain(rows), *proven),
    }
}
