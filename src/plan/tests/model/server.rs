//! The API server: one object, and writes that are guarded as those of `cluster::object` are.

use super::operator::Run;
use super::shared::Shared;
use super::twins::Mechanism;
use super::world::World;
use crate::api::status::Status;
use crate::plan::record::Record;

/// The object as it is stored, or as a process read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Object {
    pub(super) version: u32,
    pub(super) generation: i64,
    /// The URL that the spec wants.
    pub(super) url: usize,
    /// `deletionPolicy: Retain`; else absent.
    pub(super) retain: bool,
    pub(super) deleting: bool,
    pub(super) finalizer: bool,
    pub(super) record: Option<Record>,
    pub(super) status: Status,
}

/// What became of the outcome of a create, as the controller tells it.
pub(super) enum Landed {
    Written,
    Overtaken,
    Gone,
}

impl World {
    /// A write that holds only at the version that it was planned on. Gives the object as it is then; `None` when it was refused.
    pub(super) fn patch(
        &mut self,
        version: u32,
        change: impl FnOnce(&mut Object),
    ) -> Option<Shared<Object>> {
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
    pub(super) fn land(&mut self, run: &Run, record: &Record, status: Status) -> Landed {
        let record = self.stored(record);
        let Some(object) = &self.object else {
            return Landed::Gone;
        };
        let planned_on = &run.object.status.callback_id;
        if object.record != record || object.status.callback_id != *planned_on {
            return Landed::Overtaken;
        }
        self.write(|object| object.status = status);
        Landed::Written
    }

    /// Somebody edits the object.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Object)) {
        self.write(|object| {
            change(object);
            object.generation += 1;
        });
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

    fn write(&mut self, change: impl FnOnce(&mut Object)) -> Option<Shared<Object>> {
        let mut object = Object::clone(self.object.as_ref()?);
        change(&mut object);
        object.version += 1;
        let is_gone = object.deleting && !object.finalizer;
        self.retained |= is_gone && object.retain;
        let written = Shared::from(object);
        self.object = (!is_gone).then(|| written.clone());
        Some(written)
    }
}
