//! The API server: one object, and writes that are guarded as those of `cluster::object` are.

use super::operator::ModelReconciliation;
use super::shared::SharedModel;
use super::twins::Mechanism;
use super::world::ModelWorld;
use crate::api::status::Status;
use crate::plan::facts::operation_log;
use crate::plan::facts::operation_log::Outcome;
use crate::plan::facts::record::Record;
use crate::terms::failure::Operation;

/// The object as it is stored, or as a process read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct ModelObject {
    pub(super) version: u32,
    pub(super) generation: i64,
    /// The URL that the spec wants.
    pub(super) url: usize,
    /// `deletionPolicy: Retain`; else absent.
    pub(super) retain: bool,
    pub(super) suspend: bool,
    pub(super) deleting: bool,
    pub(super) finalizer: bool,
    pub(super) record: Option<Record>,
    pub(super) status: Status,
}

/// What became of the outcome of a create, as the controller tells it.
pub(super) enum ModelWrite {
    Written,
    /// The record was wiped, and is put back; the outcome comes next.
    PutBack,
    Overtaken,
    Gone,
}

impl ModelWorld {
    /// A write that holds only at the version that it was planned on. Gives the object as it is then; `None` when it was refused.
    pub(super) fn patch(
        &mut self,
        version: u32,
        change: impl FnOnce(&mut ModelObject),
    ) -> Option<SharedModel<ModelObject>> {
        let guarded = !self.lies(Mechanism::VersionGuard);
        let object = self.object.as_ref()?;
        if guarded && object.version != version {
            return None;
        }
        self.write(change)
    }

    /// Finalizer and record in one patch. Gives the version then.
    pub(super) fn protect(
        &mut self,
        who: usize,
        version: u32,
        record: Option<&Record>,
    ) -> Option<u32> {
        let record = record.and_then(|record| self.stored(record));
        let object = self.patch(version, |object| {
            object.finalizer = true;
            if record.is_some() {
                object.record = record;
            }
        })?;
        self.operators[who].left = Some(object.occasion());
        Some(object.version)
    }

    /// Writes the outcome of a create, if its record is the newest and the id is the one that was planned on.
    pub(super) fn write_create_outcome(
        &mut self,
        who: usize,
        reconciliation: &ModelReconciliation,
        record: &Record,
        status: Status,
    ) -> ModelWrite {
        let stored = self.stored(record);
        let Some(object) = self.object.clone() else {
            return ModelWrite::Gone;
        };
        let is_wiped = object.record.is_none() && stored.is_some();
        let planned_on = &reconciliation.object.status.callback_id;
        if object.status.callback_id != *planned_on || (object.record != stored && !is_wiped) {
            return ModelWrite::Overtaken;
        }
        if is_wiped {
            self.protect(who, object.version, Some(record));
            return ModelWrite::PutBack;
        }
        self.write(|object| object.status = status);
        ModelWrite::Written
    }

    /// Somebody edits the object.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut ModelObject)) {
        self.write(|object| {
            change(object);
            object.generation += 1;
        });
    }

    /// `kubectl replace`.
    pub(super) fn wipe(&mut self) {
        self.write(|object| {
            object.finalizer = false;
            object.record = None;
        });
    }

    /// Whether metadata may be wiped now: there is one process, and it knows what they say.
    pub(super) fn may_wipe(&self) -> bool {
        let object = self.object.as_ref().filter(|_| self.setup.one_operator);
        object.is_some_and(|object| {
            let known = self.operators[0].memory.record.as_deref();
            let is_known = object.record.as_ref().is_none_or(|it| known == Some(it));
            let is_closed = object.record.as_ref().is_some_and(|record| {
                let closed = object.status.closed_operation.as_deref();
                !record.has_several_attempts() && !record.is_open(closed)
            });
            let is_whole = object.finalizer || object.record.is_some();
            is_whole && !object.deleting && (is_known || is_closed)
        })
    }

    /// Whether only a process that goes on knows what the object's record said.
    pub(super) fn hangs_by_memory(&self) -> bool {
        let wiped = self
            .object
            .as_ref()
            .filter(|object| object.record.is_none());
        wiped.is_some_and(|object| {
            let closed = object.status.closed_operation.as_deref();
            let mut known = self
                .operators
                .iter()
                .filter_map(|it| it.memory.record.as_ref());
            known.any(|record| record.has_several_attempts() || record.is_open(closed))
        })
    }

    /// Whether the object would go at once, and leave behind what it has.
    pub(super) fn is_bare(&self) -> bool {
        self.object.as_ref().is_some_and(|object| {
            let has = object.status.callback_id.is_some() || object.record.is_some();
            !object.finalizer && (has || self.hangs_by_memory())
        })
    }

    /// A record as it comes to be stored.
    pub(super) fn stored(&self, record: &Record) -> Option<Record> {
        let mut record = record.clone();
        if self.lies(Mechanism::WriteAhead) {
            return None;
        }
        if self.lies(Mechanism::AppendedAttempts) {
            record.attempts.drain(..record.attempts.len() - 1);
        }
        Some(record)
    }

    fn write(&mut self, change: impl FnOnce(&mut ModelObject)) -> Option<SharedModel<ModelObject>> {
        let mut object = ModelObject::clone(self.object.as_ref()?);
        change(&mut object);
        object.version += 1;
        if self.lies(Mechanism::RememberedRow) {
            object.status.remote = None;
        }
        if self.lies(Mechanism::DoubtedKey) {
            let operations = object.status.operations.iter_mut();
            let unknown =
                operations.filter(|it| operation_log::outcome(it) == Some(Outcome::Unknown));
            unknown.for_each(|it| Operation::Delete.as_str().clone_into(&mut it.type_));
        }
        let is_gone = object.deleting && !object.finalizer;
        self.retained |= is_gone && object.retain;
        let written = SharedModel::from(object);
        self.object = (!is_gone).then(|| written.clone());
        Some(written)
    }
}
