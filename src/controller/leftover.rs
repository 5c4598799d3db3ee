//! An object that went without having been let go, and what it may have left at the cloud. Values only: `clean_up` does the rest.

use std::sync::Arc;

use tokio::time::Instant;

use super::account::SharedAccount;
use super::memory::ObjectMemory;
use super::memory::versions::counts_before;
use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::declared::parse;
use crate::plan::facts::record::Record;

/// An object that is gone, and may have left something.
pub(super) struct Leftover {
    /// The object as it last was.
    pub(super) object: Arc<RecordingCallback>,
    /// The status that it had, or would have got.
    pub(super) status: Status,
    /// Its record, which it may have lost before.
    pub(super) record: Option<Record>,
    /// When this process first saw the newest attempt of that record, by the monotonic clock.
    pub(super) attempt_seen: Option<Instant>,
    /// The id of what this process's own create made. Any other may have been written into the status by anybody.
    pub(super) made: Option<String>,
    /// The credentials that served last, if they are known.
    pub(super) account: Option<Arc<SharedAccount>>,
    /// This process has made a create for it, or its status names a callback; else its record may have been made up.
    pub(super) is_ours: bool,
}

/// What became of a callback that was left.
pub(super) enum LeftoverEnd {
    /// It is deleted, or was gone.
    Deleted,
    /// Another object has it.
    TakenOver,
}

impl Leftover {
    /// What an object may have left that went. One that was let go was being deleted. One that was not lost its finalizer
    /// before, even if the finalizer came back in the very moment (the API server may delete it all the same), or it leaves
    /// what is served here: then it is still there when it is asked for. A record that this process has not written may have
    /// been made up by whoever may edit objects, to have work done here: it is told, no more.
    pub(super) fn of(
        object: Arc<RecordingCallback>,
        memory: &ObjectMemory,
        was_seen_to_go: bool,
    ) -> Option<Self> {
        let mut status = object.status.clone().unwrap_or_default();
        let unwritten = memory.unwritten_create();
        if let Some(unwritten) =
            unwritten.filter(|it| it.planned_on.callback_id == status.callback_id)
        {
            status = unwritten.status.clone();
        }
        let made = memory.made.as_deref().map(str::to_owned);
        if !was_seen_to_go {
            // A storage that went back does not have what was written of that.
            status.callback_id = status.callback_id.or_else(|| made.clone());
        }
        let has_posted = memory.posted.is_some();
        let (found, known) = (parse::record(&object), memory.record.as_deref());
        // One that knows nothing of our own create was made up, and went with the object.
        let counts = |known: &&Record| {
            let posted = memory.posted.as_deref();
            found
                .as_ref()
                .is_none_or(|found| counts_before(known, found, posted))
        };
        let record = known.filter(counts).cloned().or(found);
        let closed = status.closed_operation.as_deref();
        let is_open = record.as_ref().is_some_and(|r| r.is_open(closed));
        // Who only looks leaves its callback, and was let go when it began to.
        let names_one = status.callback_id.is_some() && !parse::policies(&object.spec).observe;
        let record = record.filter(|_| has_posted);
        let newest = record.as_ref().and_then(|record| record.newest_id());
        let attempt_seen = memory.attempt_seen.as_ref();
        let attempt_seen = attempt_seen.filter(|(id, _)| Some(&**id) == newest);
        let attempt_seen = attempt_seen.map(|(_, seen)| *seen);
        let left = names_one || is_open;
        left.then(|| Self {
            is_ours: has_posted || (names_one && was_seen_to_go),
            object,
            status,
            record,
            attempt_seen,
            made,
            account: memory.account.clone(),
        })
    }

    /// Whether the id to delete is known by the object's status alone. Whoever may write statuses may have written it to have another's
    /// callback deleted: it counts only where the object itself could have taken it over.
    pub(super) fn is_hearsay(&self) -> bool {
        self.status.callback_id.is_some() && self.status.callback_id != self.made
    }

    /// `namespace/name`.
    pub(super) fn name(&self) -> String {
        parse::object(&self.object).full_name()
    }
}
