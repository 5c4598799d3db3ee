//! Which version of an object is the newest, and which record it had: the watch tells late, and a storage may go back.

use std::sync::Arc;

use super::ObjectMemory;
use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::plan::facts::record::Record;

impl ObjectMemory {
    /// A watch has brought this version.
    fn forget_written(&mut self, brought: u64) {
        self.undone.take_if(|undone| **undone != brought);
        if self.undone.is_none() {
            self.written
                .take_if(|written| parse::version(written) <= brought);
        }
    }

    /// What a read or write of ours returned that is newer than the version that a watch brought last.
    pub(in crate::controller) fn newer_than(
        &mut self,
        brought: u64,
    ) -> Option<Arc<RecordingCallback>> {
        self.forget_written(brought);
        self.written.clone()
    }

    /// A read or write of ours returned this object, and `brought` is what the watch had brought before it began.
    pub(in crate::controller) fn note_returned(
        &mut self,
        object: Arc<RecordingCallback>,
        brought: Option<u64>,
    ) {
        let is_older = |brought: &u64| parse::version(&object) < *brought;
        if let Some(undone) = brought.filter(is_older) {
            self.undone = Some(Box::new(undone));
        }
        self.written = Some(object);
    }

    /// The watch brings this version with this record, after one with that.
    pub(in crate::controller) fn note_brought(
        &mut self,
        version: u64,
        found: Option<&Record>,
        former: Option<Record>,
    ) {
        // What is planned on may be newer, and have lost what this version has.
        let written = self.written.as_ref();
        match written.filter(|written| parse::version(written) > version) {
            Some(written) => {
                let found = parse::record(written);
                self.note_record(found.as_ref(), former);
            }
            None => self.note_record(found, former),
        }
    }

    /// An object has this record, after it had that.
    pub(in crate::controller) fn note_record(
        &mut self,
        found: Option<&Record>,
        former: Option<Record>,
    ) {
        let posted = self.posted.as_deref();
        let counts = |record: &Record| found.is_none_or(|it| counts_before(record, it, posted));
        let known = self.record.take().map(|known| *known);
        let lost = known.into_iter().chain(former).filter(counts);
        let newest = lost.reduce(|one, other| {
            if counts_before(&other, &one, posted) {
                other
            } else {
                one
            }
        });
        self.record = newest.map(Box::new);
    }
}

/// Whether a record of an object counts rather than another: it is newer. Ids sort by a clock that may have been wrong, and anybody may write
/// one: before the newest that this process `posted` only such a record counts that goes on from it.
pub(in crate::controller) fn counts_before(
    one: &Record,
    other: &Record,
    posted: Option<&str>,
) -> bool {
    let is_own = |record: &Record| posted.is_some() && record.newest_id() == posted;
    match (is_own(one), is_own(other)) {
        (true, false) => !other.goes_on_from(one),
        (false, true) => one.goes_on_from(other),
        (true, true) | (false, false) => one.is_newer_than(other),
    }
}
