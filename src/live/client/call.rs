//! One call from its token to its answer: authorise, spend, send, learn the cloud's time, classify, log and count.
//!
//! A call is made once. It is made once more only after a refusal that says why it can't have happened: a date that the
//! cloud did not accept, or a token of ours that it did not know any more. A 5xx says that of no change, whatever code it has.

use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::live::answer::Answer;
use crate::live::client::Client;
use crate::live::client::api_call::ApiCall;
use crate::live::client::permit::{CallPermit, NO_LOGIN, too_late};
use crate::live::client::proof::RequestAuth;
use crate::live::{classify, codes};
use crate::platform::account::Account;
use crate::platform::clock::{RequestSpan, date};
use crate::platform::failures;
use crate::platform::quota::Token;
use crate::platform::redact::Redactor;
use crate::platform::strikes::{CredentialPass, CredentialVerdict};
use crate::platform::transport::{CallSlot, Deadline, Request, Response, reply_headers};
use crate::terms::failure::{Class, Failure, Operation};

/// A request that can be sent, what proves the identity in it, and what must not be shown of its answer.
type PreparedCall = (Request, RequestAuth, Redactor);

/// A call that got an answer, or none.
struct SentCall {
    result: Result<Response, Failure>,
    /// What the cloud's clock showed, by its `Date`, and how far that is ahead of ours.
    date: Option<(Timestamp, SignedDuration)>,
    /// When the answer came, in cloud time.
    at: Timestamp,
    auth: RequestAuth,
    secrets: Redactor,
}

/// A 2xx.
struct AcceptedCall {
    response: Response,
    /// When it came, in cloud time.
    at: Timestamp,
    date: Option<Timestamp>,
    secrets: Redactor,
}

/// Why a refused call is made once more.
enum RetryReason {
    /// It is dated anew, by a clock that is so far ahead of ours.
    Date(SignedDuration),
    /// It gets a new token from IAM.
    Token,
    /// It gets a new key from where the old one came.
    Key,
}

impl Client {
    /// Makes a call, unless its credential is stopped.
    pub(super) async fn execute<T>(
        &self,
        token: Token,
        account: &Account,
        call: ApiCall<'_>,
        read: impl FnOnce(&Response, &Redactor) -> Result<T, String>,
    ) -> Result<Answer<T>, Failure> {
        let AcceptedCall {
            response,
            at,
            date,
            secrets,
        } = self.send_with_one_retry(token, account, &call).await?;
        let value = read(&response, &secrets).map_err(|problem| {
            failures::failure_of_unreadable(call.operation, &response, &problem, &secrets)
        })?;
        Ok(Answer {
            value,
            http_status: response.status.as_u16(),
            request_id: failures::request_id(&response.headers, &secrets),
            at,
            date,
        })
    }

    /// Sends, and once more after a refusal that a new date, token or key may cure.
    async fn send_with_one_retry(
        &self,
        token: Token,
        account: &Account,
        call: &ApiCall<'_>,
    ) -> Result<AcceptedCall, Failure> {
        let (operation, deadline) = (call.operation, call.deadline);
        let (budget, next) = (token.budget(), token.successor());
        let permit = self.admit(token, account, operation, deadline).await?;
        let (mut outcome, mut pass) = self.attempt(permit, account, call, None).await?;
        if let Some(refused) = outcome.refused_token() {
            self.iam.forget(account, refused);
        }
        if let Some(again) = outcome.retry_reason() {
            // What is not tried again for want of calls or of time says nothing of the credential.
            if !budget.spend(again.calls()) {
                return Err(over_budget(operation));
            }
            let renewed = renew(&again, &outcome.auth, operation);
            let renewed = self.in_time(deadline, renewed).await;
            if !renewed.ok_or_else(|| too_late(operation, NO_LOGIN))? {
                return finished(outcome, pass);
            }
            let ahead = match again {
                RetryReason::Date(ahead) => Some(ahead),
                RetryReason::Token | RetryReason::Key => None,
            };
            let permit = self
                .regained(&next, pass, account, operation, deadline)
                .await?;
            (outcome, pass) = self.attempt(permit, account, call, ahead).await?;
            if let (RetryReason::Date(_), Err(failure)) = (again, &mut outcome.result)
                && failure.class == Class::Credential
            {
                failure.class = Class::ClockSkew;
            }
        }
        finished(outcome, pass)
    }

    /// Sends once, dated as if the cloud's clock were so far `ahead`, where that is given. An error here means that the request could not
    /// be made; the token goes back.
    async fn attempt<'a>(
        &'a self,
        permit: CallPermit<'a>,
        account: &Account,
        call: &ApiCall<'_>,
        ahead: Option<SignedDuration>,
    ) -> Result<(SentCall, CredentialPass<'a>), Failure> {
        let (permit, slot, (request, auth, secrets)) =
            self.ready(permit, account, call, ahead).await?;
        let CallPermit { token, pass } = permit;
        let deadline = call
            .deadline
            .unwrap_or_else(|| Deadline::after(self.clock.wall(), self.request_timeout));
        let endpoint = &account.target.endpoint;
        self.meter.waited(token.lane(), token.waited());
        let spent = token.spend();
        let (before, started) = (self.clock.local(), Instant::now());
        let reply = self.transport.send(request, deadline).await;
        drop(slot);
        let (received, elapsed) = (self.clock.local(), started.elapsed());
        let span = RequestSpan {
            sent: before,
            received,
        };
        let date = reply_headers(&reply).and_then(date);
        let date = date.map(|date| (date, self.clock.observe(endpoint, date, span)));
        let at = self.clock.at(endpoint, received);
        let answered = reply_headers(&reply).is_some();
        let result = classify::classify_reply(call.operation, reply, &secrets, at);
        match &result {
            Err(failure) if is_throttled(failure) => spent.throttled(failure.retry_after),
            Ok(_) | Err(_) if answered => spent.accepted(),
            Ok(_) | Err(_) => drop(spent),
        }
        self.log_call(call.operation, &result, &secrets, elapsed);
        let outcome = SentCall {
            result,
            date,
            at,
            auth,
            secrets,
        };
        Ok((outcome, pass))
    }

    /// The request, with leave and a slot to send it now. What proves the identity may have been long in coming, and the slot, too, and
    /// meanwhile the account may have been throttled or its credential stopped: so leave is judged last, and where it has to be waited for,
    /// all is made anew. Whoever waits for a slot holds neither a request nor secrets of its own: there may be thousands, and a token is long.
    async fn ready<'a>(
        &'a self,
        mut permit: CallPermit<'a>,
        account: &Account,
        call: &ApiCall<'_>,
        ahead: Option<SignedDuration>,
    ) -> Result<(CallPermit<'a>, CallSlot, PreparedCall), Failure> {
        loop {
            let (ready, proof) = self.proven(permit, account, call).await?;
            permit = ready;
            let prepared = async {
                let slot = self.slot(account, call.operation, call.deadline).await?;
                let mut secrets = Redactor::new();
                account.credential.conceal(&mut secrets);
                if let Some(key) = call.key {
                    secrets.hide(key.expose());
                }
                let (request, auth) = self.request(account, call, ahead, proof, &mut secrets)?;
                Ok((slot, (request, auth, secrets)))
            };
            match prepared.await {
                Ok((slot, prepared)) if permit.holds() => return Ok((permit, slot, prepared)),
                Ok(_) => {}
                Err(failure) => {
                    permit.pass.end(CredentialVerdict::of_failure(&failure));
                    return Err(failure);
                }
            }
            drop(permit.pass);
            let (operation, deadline) = (call.operation, call.deadline);
            permit = self
                .admit(permit.token, account, operation, deadline)
                .await?;
        }
    }

    fn log_call(
        &self,
        operation: Operation,
        result: &Result<Response, Failure>,
        secrets: &Redactor,
        elapsed: Duration,
    ) {
        let (status, code, request_id) = match result {
            Ok(response) => (
                Some(response.status.as_u16()),
                None,
                failures::request_id(&response.headers, secrets),
            ),
            Err(failure) => (
                failure.http_status,
                failure.code.as_deref(),
                failure.request_id.clone(),
            ),
        };
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            operation = operation.as_str(),
            status,
            code,
            request_id,
            ms,
            "call"
        );
        self.meter
            .call(operation, status, code.map(codes::label), elapsed);
    }
}

/// Makes another of what was refused. Whether there is anything else to try.
async fn renew(again: &RetryReason, auth: &RequestAuth, operation: Operation) -> bool {
    match (again, auth) {
        (RetryReason::Key, RequestAuth::MadeKey { from, pair, .. }) => {
            from.replace(pair, operation).await
        }
        // A token was forgotten.
        (RetryReason::Date(_) | RetryReason::Token | RetryReason::Key, _) => true,
    }
}

/// The end of a call, and what it says of the credential.
fn finished(outcome: SentCall, pass: CredentialPass<'_>) -> Result<AcceptedCall, Failure> {
    pass.end(CredentialVerdict::of(&outcome.result));
    Ok(AcceptedCall {
        response: outcome.result?,
        at: outcome.at,
        date: outcome.date.map(|(date, _)| date),
        secrets: outcome.secrets,
    })
}

/// The failure of a call that was refused, and is not made once more since that is one call too many.
fn over_budget(operation: Operation) -> Failure {
    let problem = "it was refused for its date, token or key, and the calls that may be made for one object in an hour are used up";
    failures::failure_before_sending(operation, Class::NotSent, problem)
}

/// Whoever says 429, the gateway or a proxy before it, means the whole account.
fn is_throttled(failure: &Failure) -> bool {
    failure.class.is_throttling()
        || failure.http_status == Some(StatusCode::TOO_MANY_REQUESTS.as_u16())
}

impl RetryReason {
    /// How many calls that takes: what is renewed is asked for, too.
    fn calls(&self) -> u32 {
        match self {
            Self::Date(_) => 1,
            Self::Token | Self::Key => 2,
        }
    }
}

impl SentCall {
    /// The token of ours that was not taken.
    fn refused_token(&self) -> Option<&SecretString> {
        let RequestAuth::MadeToken(token) = &self.auth else {
            return None;
        };
        let failure = self.result.as_ref().err()?;
        (failure.class == Class::Credential).then_some(token)
    }

    /// Whether it is worth while to make the call once more, and can't be once too often.
    fn retry_reason(&self) -> Option<RetryReason> {
        let failure = self.result.as_ref().err()?;
        if failure.class != Class::Credential || failure.may_have_changed() {
            return None;
        }
        let anew = |signed: Timestamp| {
            let (date, ahead) = self.date?;
            failures::is_skewed(failure, signed, date).then_some(RetryReason::Date(ahead))
        };
        match &self.auth {
            RequestAuth::Signed(signed) => anew(*signed),
            RequestAuth::MadeToken(_) => Some(RetryReason::Token),
            RequestAuth::MadeKey { date, .. } => anew(*date).or(Some(RetryReason::Key)),
            RequestAuth::GivenToken => None,
        }
    }
}
