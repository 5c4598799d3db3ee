//! Leave to make a call, which quota and credential give together; for a POST the record of it, too. Sends nothing.

use std::{pin::pin, time::Duration};

use futures::FutureExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::live::client::Client;
use crate::live::client::api_call::ApiCall;
use crate::live::client::proof::IdentityProof;
use crate::plan::facts::record::WrittenRecord;
use crate::platform::account::Account;
use crate::platform::failures;
use crate::platform::quota::{NextToken, Token};
use crate::platform::strikes::{CredentialPass, CredentialVerdict, Stopped};
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
    /// outwait a pause of the cloud, nor its deadline. Who waits for the credential has no token meanwhile.
    pub(super) async fn admit(
        &self,
        mut token: Token,
        account: &Account,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<CallPermit<'_>, Failure> {
        loop {
            if deadline.is_some() && token.is_void() {
                return Err(throttled(operation, THROTTLED, token.pause()));
            }
            token = token.renewed().await;
            let stopped = |stopped: Stopped| stopped.failure(operation);
            let mut entered = pin!(self.strikes.enter(&account.credential));
            if let Some(pass) = entered.as_mut().now_or_never() {
                let pass = pass.map_err(stopped)?;
                return Ok(CallPermit { token, pass });
            }
            let next = token.give_back();
            let pass = self.in_time(deadline, entered).await;
            let pass = pass.ok_or_else(|| too_late(operation, UNPROVEN))?;
            let pass = pass.map_err(stopped)?;
            match self.regain(&next, pass, operation, deadline).await? {
                Regained::Permit(permit) => return Ok(permit),
                Regained::Token(regained) => token = regained,
            }
        }
    }

    /// What proves the identity. While it is waited for others have the token, whose login is there; leave of the credential, which a
    /// login puts to the proof, is kept.
    pub(super) async fn proven<'a, 'b>(
        &'a self,
        CallPermit { token, pass }: CallPermit<'a>,
        account: &'b Account,
        call: &ApiCall<'_>,
    ) -> Result<(CallPermit<'a>, IdentityProof<'b>), Failure> {
        let (operation, deadline) = (call.operation, call.deadline);
        let mut proof = pin!(self.proof(account, operation));
        match proof.as_mut().now_or_never() {
            Some(Ok(proof)) => return Ok((CallPermit { token, pass }, proof)),
            Some(Err(failure)) => return Err(ended(pass, failure)),
            None => {}
        }
        let next = token.give_back();
        let proof = self.in_time(deadline, proof).await;
        let proof = proof.unwrap_or_else(|| Err(too_late(operation, NO_LOGIN)));
        let proof = match proof {
            Ok(proof) => proof,
            Err(failure) => return Err(ended(pass, failure)),
        };
        let permit = self
            .regained(&next, pass, account, operation, deadline)
            .await?;
        Ok((permit, proof))
    }

    /// The next token for what has begun and had to wait, and leave of the credential, asked for anew where it was given up.
    pub(super) async fn regained<'a>(
        &'a self,
        next: &NextToken,
        pass: CredentialPass<'a>,
        account: &Account,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<CallPermit<'a>, Failure> {
        match self.regain(next, pass, operation, deadline).await? {
            Regained::Permit(permit) => Ok(permit),
            Regained::Token(token) => self.admit(token, account, operation, deadline).await,
        }
    }

    /// Waits for the next token with leave of the credential, for which others may wait: a look gives it up where the token is long in
    /// coming, a change is given up itself.
    async fn regain<'a>(
        &self,
        next: &NextToken,
        pass: CredentialPass<'a>,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<Regained<'a>, Failure> {
        let pause = next.pause();
        if deadline.is_some() {
            if !pause.is_zero() {
                return Err(throttled(operation, THROTTLED, pause));
            }
            let token = self.in_time(deadline, next.first()).await;
            let token = token.ok_or_else(|| throttled(operation, NO_TURN, next.pause()))?;
            return Ok(Regained::Permit(CallPermit { token, pass }));
        }
        let mut token = pin!(next.in_turn());
        if pause.is_zero()
            && let Ok(token) = timeout(self.request_timeout, token.as_mut()).await
        {
            return Ok(Regained::Permit(CallPermit { token, pass }));
        }
        drop(pass);
        Ok(Regained::Token(token.await))
    }

    /// Waits for a slot among the calls that are under way: a look for as long as it may take itself, a change while it is in time.
    pub(super) async fn slot(
        &self,
        account: &Account,
        operation: Operation,
        deadline: Option<Deadline>,
    ) -> Result<CallSlot, Failure> {
        let longest = || Instant::now() + self.request_timeout;
        let slot_deadline = deadline.map_or_else(longest, |deadline| self.latest(deadline));
        let slot = self
            .transport
            .slot(&account.target.endpoint, slot_deadline)
            .await;
        slot.ok_or_else(|| failures::failure_without_slot(operation))
    }

    /// Waits for something that a call needs: a look for as long as that takes, a change while it is in time.
    pub(super) async fn in_time<T>(
        &self,
        deadline: Option<Deadline>,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        match deadline {
            Some(deadline) => timeout_at(self.latest(deadline), wait).await.ok(),
            None => Some(wait.await),
        }
    }

    /// Until when a change waits: while it has half of the request timeout left before its deadline. One that is sent with less would more
    /// often be of unknown outcome than tell one.
    fn latest(&self, deadline: Deadline) -> Instant {
        let half = self.request_timeout / 2;
        let latest = deadline.instant.checked_sub(half);
        latest.unwrap_or(deadline.instant)
    }
}

/// What a call has that waited without a token.
enum Regained<'a> {
    /// All.
    Permit(CallPermit<'a>),
    /// A token, which was long in coming.
    Token(Token),
}

const THROTTLED: &str = "the cloud throttled the account while this waited for its turn";
const NO_TURN: &str = "its next turn in the quota of its account did not come in time";

/// The failure of a change that the quota has no token for before its time is over.
fn throttled(operation: Operation, problem: &str, pause: Duration) -> Failure {
    let mut failure = failures::failure_before_sending(operation, Class::Throttled, problem);
    failure.retry_after = Some(pause).filter(|pause| !pause.is_zero());
    failure
}

const UNPROVEN: &str =
    "another call with this credential, which was not accepted yet, waited for its answer";
pub(super) const NO_LOGIN: &str = "its login or temporary key was waited for";

/// The failure of a change that waited for this until its time was over.
pub(super) fn too_late(operation: Operation, waited_for: &str) -> Failure {
    let problem = format!("too little time was left before its deadline while {waited_for}");
    failures::failure_before_sending(operation, Class::NotSent, &problem)
}

/// The failure, which says what it does of the credential.
fn ended(pass: CredentialPass<'_>, failure: Failure) -> Failure {
    pass.end(CredentialVerdict::of_failure(&failure));
    failure
}
