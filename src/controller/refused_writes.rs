//! What becomes of a write of finalizer and record that the API server does not take: it is planned anew, tried again soon, or told, and then
//! tried ever more slowly. One that it takes and does not store, since something in its way changes it, is such a write, too. Calls no cloud.

use crate::api::status::Status;
use crate::api::{PENDING_OPERATION, RecordingCallback};
use crate::cluster::error::{ClusterError, one_line};
use crate::cluster::object::{ObjectVersion, is_stale};
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::plan::facts::{conditions, operation_log};
use crate::terms::failure::{Class, Failure, Operation};

/// The API server accepted finalizer and record, and does not hold them.
pub(super) const NOT_KEPT: &str =
    "an admission webhook takes the finalizer, or the record of the create, off the object";

/// The API server accepted that the finalizer is taken off, and holds it.
pub(super) const PUT_BACK: &str = "an admission webhook puts it back";

impl Reconciliation<'_> {
    /// A write was not taken: why it is refused, and will be again. `None` where the object is not as it was planned on: it has been read
    /// afresh. An error is one that passes.
    pub(super) async fn refusal(
        &mut self,
        version: &ObjectVersion,
        error: ClusterError,
    ) -> Result<Option<String>, ClusterError> {
        let overtaken = is_stale(&error) || error.is_not_found();
        let error = if overtaken {
            match self.reread_after_conflict(version, error).await {
                Ok(()) => return Ok(None),
                Err(error) => error,
            }
        } else {
            error
        };
        if error.is_refusal() {
            Ok(Some(one_line(&error.to_string())))
        } else {
            Err(error)
        }
    }

    /// Nothing is sent whose finalizer or record the API server does not hold.
    pub(super) async fn report_unrecorded(
        &mut self,
        operation: Operation,
        why: impl Into<String>,
    ) -> Result<RoundEnd, ClusterError> {
        let failure = Failure::new(operation, Class::NotSent, why);
        // No attempt of the record has failed: what they may have made is as unknown as before.
        let record = self.facts.record.take();
        let end = self.write_failure(&failure).await;
        self.facts.record = record;
        end
    }

    /// A change was paid for and is not made.
    pub(super) fn give_back(&self) {
        self.memory(|memory| memory.allowance.give_back());
    }
}

/// Whether an object holds the finalizer and this record, as they were written. What is being deleted gets no new finalizer.
pub(super) fn is_protected(object: &RecordingCallback, record: Option<&str>) -> bool {
    let meta = parse::object(object);
    let annotations = object.metadata.annotations.as_ref();
    let held = annotations.and_then(|all| all.get(PENDING_OPERATION));
    (meta.finalizer || meta.deleting)
        && record.is_none_or(|record| held.is_some_and(|held| held == record))
}

/// The first part of a status by which is decided what is done next, and that is stored otherwise than it was written. Texts of the
/// cloud may be cut where they are read.
pub(super) fn changed_part(written: &Status, stored: Option<&Status>) -> Option<&'static str> {
    let nothing = Status::default();
    let stored = stored.unwrap_or(&nothing);
    let differs = |part: fn(&Status) -> bool| part(written) != part(stored);
    let newest = |status: &Status| {
        let newest = status.operations.first();
        newest.map(|it| {
            (
                operation_log::operation(it),
                operation_log::outcome(it),
                it.time,
            )
        })
    };
    let ready = |status: &Status| {
        (
            conditions::ready_status(status),
            conditions::ready_reason(status),
        )
    };
    let parts = [
        (
            "status.callbackID",
            written.callback_id != stored.callback_id,
        ),
        (
            "status.closedOperation",
            written.closed_operation != stored.closed_operation,
        ),
        ("status.adopted", written.adopted != stored.adopted),
        ("status.target", differs(|status| status.target.is_some())),
        ("status.sent", differs(|status| status.sent.is_some())),
        ("status.remote", differs(|status| status.remote.is_some())),
        ("status.operations", newest(written) != newest(stored)),
        ("status.failures", written.failures != stored.failures),
        (
            "status.rejectedCredential",
            written.rejected_credential != stored.rejected_credential,
        ),
        (
            "status.lastHandledReconcileAt",
            written.last_handled_reconcile_at != stored.last_handled_reconcile_at,
        ),
        (
            "status.nextAttemptTime",
            written.next_attempt_time != stored.next_attempt_time,
        ),
        (
            "status.observedGeneration",
            written.observed_generation != stored.observed_generation,
        ),
        ("status.conditions", ready(written) != ready(stored)),
    ];
    parts
        .iter()
        .find(|(_, differs)| *differs)
        .map(|(part, _)| *part)
}
