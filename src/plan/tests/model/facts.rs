//! The facts of a reconcile, as `controller::run` puts them together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cloud::{place, plain};
use super::operator::{Asked, Known, Look, Run};
use super::server::Object;
use super::twins::Mechanism;
use super::world::{World, target};
use crate::plan::facts::{
    Access, Definition, Deletion, Desired, Facts, Key, Object as Metadata, Observed, Policies,
    Rewrites, Settings, Shown,
};
use crate::plan::failure::{Class, Failure, Operation};
use crate::plan::ledger;
use crate::plan::row::Row;
use crate::plan::tests::world::{SETTLE, content, moment, process::failure};

impl World {
    pub(super) fn settle_time(&self) -> Duration {
        let lies = self.lies(Mechanism::SettleTime);
        Duration::from_secs(if lies { 0 } else { SETTLE.unsigned_abs() })
    }

    /// The facts of a run.
    pub(super) fn facts_of(&self, who: usize, run: &Run) -> Facts {
        self.facts(who, &run.object, &run.known)
    }

    /// The facts from an object and what was found out.
    pub(super) fn facts(&self, who: usize, object: &Object, known: &Known) -> Facts {
        let memory = &self.operators[who].memory;
        Facts {
            now: moment(known.now),
            settings: Settings {
                settle_time: self.settle_time(),
                stall_after: Duration::from_mins(10),
                read_only: false,
            },
            object: Metadata {
                uid: "uid".to_owned(),
                namespace: "media".to_owned(),
                name: "push".to_owned(),
                generation: object.generation,
                finalizer: object.finalizer,
                annotated: object.record.is_some(),
                deleting: object.deleting,
                held_by: Vec::new(),
                requested: None,
            },
            policies: Policies {
                deletion: object.retain.then_some(Deletion::Retain),
                suspend: object.suspend,
                ..Policies::default()
            },
            desired: Ok(Desired {
                place: place(),
                content: content(object.url),
                wants_key: self.ground.keyed,
                adoption: self.ground.adoption,
            }),
            last_write: ledger::last_write(&object.status),
            wrote: None,
            next_attempt: object.status.next_attempt_time,
            status: object.status.clone(),
            record: known.record.as_deref().cloned(),
            record_seen: moment(known.now),
            made_here: false,
            released: false,
            rechecked: known.rechecked,
            look_due: memory.look_at.is_some_and(|at| at <= known.now),
            nudged: false,
            access: if known.access {
                Access::Usable(target())
            } else {
                Access::Unread
            },
            credential: None,
            key: match known.key {
                0 if known.access => Key::Unwanted,
                0 => Key::Unread,
                key => Key::Digest(digest(key)),
            },
            key_in_doubt: false,
            account_has_seen: true,
            rival: None,
            knows_all: true,
            is_hearsay: false,
            claimed_elsewhere: BTreeSet::new(),
            deleted: memory.deleted.clone(),
            definition: if known.definition {
                Definition::Stays
            } else {
                Definition::Unread
            },
            observed: observed(known.looked.as_ref()),
            shown: match &known.shown {
                Asked::Nothing => Shown::Unasked,
                Asked::Gone => Shown::Gone,
                Asked::Row(row) => Shown::Row(Row::clone(row)),
            },
            denied: None,
            baseline: None,
            rewrites: Rewrites::default(),
            blind: None,
            queued: false,
        }
    }
}

/// The digest of a sign key.
pub(super) fn digest(key: u8) -> String {
    format!("key-{key}")
}

fn observed(looked: Option<&Look>) -> Observed {
    match looked {
        None => Observed::Unasked,
        Some(Look::Failed) => Observed::Unknown(Failure {
            operation: Operation::List,
            ..failure(Class::CloudDown)
        }),
        Some(Look::Seen {
            begun,
            rows,
            proven,
        }) => Observed::seen(moment(*begun), plain(rows), *proven),
    }
}
