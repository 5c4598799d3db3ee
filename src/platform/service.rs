//! One call to a service beside the one that an account is for, such as IAM: sends it, learns the service's time, and says of a failure
//! that what it was for has not been sent.
//!
//! Nothing is tried again here.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::platform::clock::{Clock, RequestSpan, date};
use crate::platform::failures::{self, PLATFORM_RULES};
use crate::platform::redact::Redactor;
use crate::platform::transport::{Deadline, Request, Response, Transport, reply_headers};
use crate::terms::failure::{Class, Failure, Operation};

/// How long a refusal is not asked for again: many objects may want the same answer at once.
pub(crate) const REFUSAL_HOLDOFF: Duration = Duration::from_secs(30);
/// How long a service is left alone that could not be asked.
const OUTAGE_HOLDOFF: Duration = Duration::from_secs(2);

/// A way to services beside Live.
#[derive(Clone)]
pub struct ServiceClient {
    transport: Arc<dyn Transport>,
    clock: Arc<Clock>,
    request_timeout: Duration,
}

/// A service, as it is called in words, and its base URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceAddress<'a> {
    pub(crate) name: &'static str,
    pub(crate) endpoint: &'a str,
}

/// What came of a call.
pub(crate) struct ServiceReply {
    pub(crate) result: Result<Response, Failure>,
    /// What the service's clock showed, by its `Date`, and how far that is ahead of ours.
    pub(crate) date: Option<(Timestamp, SignedDuration)>,
}

impl ServiceClient {
    /// A way by this transport.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<Clock>,
        request_timeout: Duration,
    ) -> Self {
        Self {
            transport,
            clock,
            request_timeout,
        }
    }

    /// Time at a service.
    pub(crate) fn now(&self, service: ServiceAddress<'_>) -> Timestamp {
        self.clock.now(service.endpoint)
    }

    /// Time at a service whose clock is so far ahead of ours.
    pub(crate) fn ahead(&self, offset: SignedDuration) -> Timestamp {
        self.clock.ahead(offset)
    }

    /// Sends a request. An error here means that it could not be made.
    pub(crate) async fn send(
        &self,
        service: ServiceAddress<'_>,
        request: Option<Request>,
        operation: Operation,
        secrets: &Redactor,
    ) -> Result<ServiceReply, Failure> {
        let problem = "the credential has a character that a header can't hold";
        let request = request
            .ok_or_else(|| failures::failure_before_sending(operation, Class::Rejected, problem))?;
        let ServiceAddress { name, endpoint } = service;
        let slot_deadline = Instant::now() + self.request_timeout;
        let Some(slot) = self.transport.slot(endpoint, slot_deadline).await else {
            return Err(service.as_not_sent(failures::failure_without_slot(operation)));
        };
        let deadline = Deadline::after(self.clock.wall(), self.request_timeout);
        let sent = self.clock.local();
        let reply = self.transport.send(request, deadline).await;
        drop(slot);
        let received = self.clock.local();
        let date = reply_headers(&reply).and_then(date);
        let span = RequestSpan { sent, received };
        let date = date.map(|date| (date, self.clock.observe(endpoint, date, span)));
        let now = self.clock.at(endpoint, received);
        let result = failures::classify_reply(&PLATFORM_RULES, operation, reply, secrets, now)
            .map_err(|failure| service.as_not_sent(failure));
        let failure = result.as_ref().err();
        tracing::info!(
            endpoint,
            status = failure.and_then(|failure| failure.http_status),
            code = failure.and_then(|failure| failure.code.as_deref()),
            request_id = failure.and_then(|failure| failure.request_id.as_deref()),
            "call of {name}"
        );
        Ok(ServiceReply { result, date })
    }
}

impl ServiceAddress<'_> {
    /// Whatever failed here, the operation that it was for has not been sent.
    pub(crate) fn as_not_sent(self, mut failure: Failure) -> Failure {
        failure.message = format!("{}: {}", self.name, failure.message);
        failure.before_sending = true;
        failure.class = match failure.class {
            Class::Rejected | Class::Exists | Class::Gone => Class::Rejected,
            kept @ (Class::Maintenance
            | Class::Throttled
            | Class::Credential
            | Class::ClockSkew
            | Class::Permission
            | Class::Account) => kept,
            Class::CloudDown | Class::NotSent | Class::Overloaded | Class::Protocol => {
                Class::NotSent
            }
        };
        failure
    }
}

/// How long a failure counts for those who ask next.
pub(crate) fn holdoff(failure: &Failure) -> Duration {
    if matches!(failure.class, Class::NotSent | Class::Maintenance) {
        OUTAGE_HOLDOFF
    } else {
        REFUSAL_HOLDOFF
    }
}
