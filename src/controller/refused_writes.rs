//! What becomes of a write of finalizer and record that the API server does not take: it is planned anew, tried again soon, or told, and then
//! tried ever more slowly. Calls no cloud.

use crate::cluster::error::{ClusterError, one_line};
use crate::cluster::object::{ObjectVersion, is_stale};
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::terms::failure::{Class, Failure, Operation};

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
