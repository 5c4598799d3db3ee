//! Leave to make a call, which quota and credential give together; for a POST the record of it, too. Sends nothing.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::live::client::Client;
use crate::plan::facts::record::WrittenRecord;
use crate::platform::account::Account;
use crate::platform::failures;
use crate::platform::quota::Token;
use crate::platform::strikes::CredentialPass;
use crate::platform::transport::{CallSlot, Deadline};
use crate::terms::failure::{Class, Failure, Operation};

/// Leave to make one POST, until its deadline. A create has no idempotency key: what was posted and is on no record is lost when the
/// process dies, so the record comes first, and without it this can't be made.
#[derive(Debug)]
pub struct CreatePermit {
    pub(super) token: Token,
    pub(super) deadline: Deadline,
}

impl CreatePermit {
    /// The record is written, the quota has granted a token.
    pub fn new(record: WrittenRecord, token: Token, deadline: Deadline) -> Self {
        record.spend();
        Self { token, deadline }
    }
}

/// Leave to make one call. Given up while it waits for anything, and asked for again.
pub(super) struct CallPermit<'a> {
    pub(super) token: Token,
    pub(super) pass: CredentialPass<'a>,
}

impl CallPermit<'_> {
    /// Whether the call may be made still.
    pub(super) fn holds(&self) -> bool {
        self.pass.holds() && !self.token.is_void()
    }
}

impl Client {
    /// Asks quota and credential whether a call may be made. A look waits; a change, which was planned on what was seen before, does not
    /// outwait a pause of the cloud, nor its deadline.
    pub(super) async fn admit(
        &self,
        mut token: Token,
        account: &Account,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<CallPermit<'_>, Failure> {
        loop {
            if deadline.is_some() && token.is_void() {
                return Err(throttled(operation, token.pause()));
            }
            token = token.renewed().await;
            let entered = self.strikes.enter(&account.credential);
            let pass = match deadline {
                Some(deadline) => timeout_at(deadline.instant, entered)
                    .await
                    .map_err(|_| too_late(operation))?,
                None => entered.await,
            };
            let pass = pass.map_err(|stopped| stopped.failure(operation))?;
            if !token.is_void() {
                return Ok(CallPermit { token, pass });
            }
        }
    }

    /// Waits for a slot among the calls that are under way: a look for as long as it may take itself, a change while it has half of that
    /// left before its deadline. One that is sent with less would more often be of unknown outcome than tell one.
    pub(super) async fn slot(
        &self,
        account: &Account,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<CallSlot, Failure> {
        let half = self.request_timeout / 2;
        let slot_deadline = deadline.and_then(|deadline| deadline.instant.checked_sub(half));
        let slot_deadline = slot_deadline.unwrap_or_else(|| Instant::now() + self.request_timeout);
        let slot = self
            .transport
            .slot(&account.target.endpoint, slot_deadline)
            .await;
        slot.ok_or_else(|| failures::failure_without_slot(operation))
    }
}

/// The failure of a change that was planned before the cloud throttled.
fn throttled(operation: Operation, pause: Duration) -> Failure {
    let problem = "the cloud throttled the account while this waited for its turn";
    let mut failure = failures::failure_before_sending(operation, Class::Throttled, problem);
    failure.retry_after = Some(pause).filter(|pause| !pause.is_zero());
    failure
}

/// The failure of a change whose credential had first to prove itself.
fn too_late(operation: Operation) -> Failure {
    let problem = "the deadline passed while another call with this credential, which was not accepted yet, waited for its answer";
    failures::failure_before_sending(operation, Class::NotSent, problem)
}
