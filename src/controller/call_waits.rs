//! How a reconcile comes to make a call: one of the object's allowance, and its turn in the quota's queue. A long wait is told first, where
//! there is an object to tell it. Makes no call of the cloud.

use std::time::Duration;

use crate::cluster::error::ClusterError;
use crate::controller::account::SharedAccount;
use crate::controller::allowance::CallPurpose;
use crate::controller::reconciliation::{ObjectChanged, Presence, Reconciliation};
use crate::plan::facts::conditions;
use crate::plan::facts::reason::Reason;
use crate::plan::outcome::waiting;
use crate::platform::quota::Token;

/// A wait that is longer is told in the status.
pub(super) const REPORTED_WAIT: Duration = Duration::from_secs(5);

impl<P: Presence> Reconciliation<'_, P> {
    /// Waits for the right to make one call; a long wait is told first.
    pub(super) async fn token(
        &mut self,
        account: &SharedAccount,
        call: CallPurpose,
    ) -> Result<Result<Token, ObjectChanged>, ClusterError> {
        if let Err(changed) = self.within_allowance(call).await? {
            return Ok(Err(changed));
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        let wait = account.bucket().estimate(lane, &namespace);
        if let Err(changed) = self.report_wait(wait).await? {
            return Ok(Err(changed));
        }
        let token = self.wait(account.bucket().acquire(lane, &namespace)).await;
        if token.is_err() {
            self.give_back();
        }
        Ok(token.map(|token| token.charged_to(&self.budget())))
    }

    /// Takes a call from the object's allowance. Where there is none, that is told, and waited for; then all is planned anew.
    pub(super) async fn within_allowance(
        &mut self,
        call: CallPurpose,
    ) -> Result<Result<(), ObjectChanged>, ClusterError> {
        let taken = self.memory(|memory| memory.allowance.take(call));
        let Err(wait) = taken else { return Ok(Ok(())) };
        let status = waiting::while_exhausted(&self.facts, self.after(wait));
        P::tell_wait(self, status).await?;
        let _ = self.wait(tokio::time::sleep(wait)).await;
        self.is_interrupted = true;
        Ok(Err(ObjectChanged))
    }

    /// Says once per wait that the object waits for its turn to make a call that was taken from its allowance. `Err` when the object is not
    /// as it was planned on: what was read instead must not pass for that.
    pub(super) async fn report_wait(
        &mut self,
        wait: Duration,
    ) -> Result<Result<(), ObjectChanged>, ClusterError> {
        if wait <= REPORTED_WAIT {
            return Ok(Ok(()));
        }
        let status = &self.facts.status;
        let says_rate_limited = conditions::has_reason(status, Reason::RateLimited);
        let is_throttled = status.failures.is_some_and(|failures| failures > 0);
        let holds = status
            .next_attempt_time
            .is_some_and(|next| next > self.facts.now);
        let is_reported = says_rate_limited && (self.facts.queued || !is_throttled || holds);
        self.facts.queued = true;
        if !is_reported {
            let status = waiting::while_queued(&self.facts, self.after(wait));
            let written = P::tell_wait(self, status).await;
            if !matches!(written, Ok(true)) {
                self.give_back();
            }
            if !written? {
                return Ok(Err(ObjectChanged));
            }
        }
        Ok(Ok(()))
    }

    /// A change was paid for and is not made.
    pub(super) fn give_back(&self) {
        self.memory(|memory| memory.allowance.give_back());
    }
}
