//! What becomes of a write of finalizer and record that the API server does not take: it is planned anew, tried again soon, or told, and then
//! tried ever more slowly. One that it takes and does not store, since something in its way changes it, is such a write, too. Calls no cloud.

use jiff::Timestamp;

use crate::api::status::{OperationStatus, Status};
use crate::api::{PENDING_OPERATION, RecordingCallback};
use crate::cluster::error::{ClusterError, one_line};
use crate::cluster::object::{ObjectVersion, is_stale};
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::plan::facts::conditions::{self, ConditionStatus};
use crate::plan::facts::operation_log::{self, Outcome};
use crate::plan::facts::reason::Reason;
use crate::terms::failure::{Class, Failure, Operation};

/// The API server accepted finalizer and record, and does not hold them.
pub(super) const NOT_KEPT: &str =
    "an admission webhook takes the finalizer, or the record of the create, off the object";

/// The API server held them, and does not any more, time and again.
pub(super) const TAKEN_OFF: &str = "another controller takes the finalizer, or the record of the create, off the object again and again; they are put back ever more slowly";

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
}

/// Whether an object holds the finalizer and this record, as they were written. What is being deleted gets no new finalizer.
pub(super) fn is_protected(object: &RecordingCallback, record: Option<&str>) -> bool {
    let meta = parse::object(object);
    let annotations = object.metadata.annotations.as_ref();
    let held = annotations.and_then(|all| all.get(PENDING_OPERATION));
    (meta.finalizer || meta.deleting)
        && record.is_none_or(|record| held.is_some_and(|held| held == record))
}

/// The first part of a status by which is decided what is done next, and that is stored otherwise than it was written. Texts that only a
/// person reads may be cut where they are read.
pub(super) fn changed_part(written: &Status, stored: Option<&Status>) -> Option<&'static str> {
    let nothing = Status::default();
    let stored = stored.unwrap_or(&nothing);
    // All fields by name: what becomes of a new one is decided here.
    let Status {
        observed_generation,
        callback_id,
        target,
        adopted,
        operations,
        failures,
        next_attempt_time,
        closed_operation,
        sent,
        remote,
        rejected_credential,
        last_handled_reconcile_at,
        // By what they say of Ready.
        conditions: _,
        // These tell a person what the others, or the cloud, say.
        request_id: _,
        deletion_policy: _,
        last_operation: _,
        plan: _,
    } = written;
    let parts = [
        ("status.callbackID", *callback_id != stored.callback_id),
        (
            "status.closedOperation",
            *closed_operation != stored.closed_operation,
        ),
        ("status.adopted", *adopted != stored.adopted),
        ("status.target", *target != stored.target),
        ("status.sent", *sent != stored.sent),
        ("status.remote", *remote != stored.remote),
        (
            "status.operations",
            newest(operations) != newest(&stored.operations),
        ),
        ("status.failures", *failures != stored.failures),
        (
            "status.rejectedCredential",
            *rejected_credential != stored.rejected_credential,
        ),
        (
            "status.lastHandledReconcileAt",
            *last_handled_reconcile_at != stored.last_handled_reconcile_at,
        ),
        (
            "status.nextAttemptTime",
            *next_attempt_time != stored.next_attempt_time,
        ),
        (
            "status.observedGeneration",
            *observed_generation != stored.observed_generation,
        ),
        ("status.conditions", ready(written) != ready(stored)),
    ];
    parts
        .iter()
        .find(|(_, differs)| *differs)
        .map(|(part, _)| *part)
}

/// What of the newest change is decided by.
fn newest(
    operations: &[OperationStatus],
) -> Option<(Option<Operation>, Option<Outcome>, Option<Timestamp>)> {
    let newest = operations.first()?;
    let (operation, outcome) = (
        operation_log::operation(newest),
        operation_log::outcome(newest),
    );
    Some((operation, outcome, newest.time))
}

fn ready(status: &Status) -> (Option<ConditionStatus>, Option<Reason>) {
    (
        conditions::ready_status(status),
        conditions::ready_reason(status),
    )
}
