//! A request and its answer: what is posted is verified, printed and handed on. An answer says what to do where the sender can do better.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use super::body::{BodyError, BodyReader};
use super::connections::Answers;
use super::deliver::Deliveries;
use super::lines::Lines;
use super::objects::{ComparedObjects, Comparison};
use super::seen::{Recurrence, SeenNotifications};
use crate::command::notifications::expected::Expected;
use crate::command::notifications::verdict::{Verdict, VerifiedNotification};
use crate::command::now;
use crate::config::notifications::ReceiptFormat;
use crate::live::notification::Notification;
use crate::lock::lock;

/// What receives.
pub(super) struct Receiver {
    /// What is expected of notifications.
    pub(super) expected: Expected,
    /// What they are compared with.
    pub(super) objects: Option<ComparedObjects>,
    /// Where those go that are taken.
    pub(super) deliveries: Option<Deliveries<Arc<Notification>>>,
    /// How they are printed.
    pub(super) format: ReceiptFormat,
    /// Where they are printed.
    pub(super) printed: Lines,
    /// Where is said what else there is to say.
    pub(super) messages: Arc<Lines>,
    /// Those that came before.
    pub(super) seen: Arc<Mutex<SeenNotifications>>,
    /// Reads bodies.
    pub(super) bodies: BodyReader,
}

impl Answers for Receiver {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.respond(request).await
    }
}

impl Receiver {
    pub(super) async fn respond<B: Body<Data = Bytes>>(
        &self,
        request: Request<B>,
    ) -> Response<Full<Bytes>> {
        let version = request.version();
        match *request.method() {
            Method::POST => self.receive(request).await,
            Method::GET => answer(StatusCode::OK, "notifications are received by POST"),
            Method::HEAD => {
                without_body(answer(StatusCode::OK, "notifications are received by POST"))
            }
            _ => {
                let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "POST a notification");
                let allowed = HeaderValue::from_static("GET, HEAD, POST");
                refusal.headers_mut().insert(ALLOW, allowed);
                last_of_connection(refusal, version)
            }
        }
    }

    async fn receive<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Response<Full<Bytes>> {
        let version = request.version();
        let is_asked_for = request.headers().contains_key(EXPECT);
        let body = match self.bodies.read(request.into_body(), is_asked_for).await {
            Ok(body) => body,
            Err(error) => {
                let (status, said) = match error {
                    BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "larger than 1 MiB"),
                    BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, "not complete in 10 s"),
                    BodyError::BrokenOff => (StatusCode::BAD_REQUEST, "not complete"),
                    BodyError::NoMemory => return busy(),
                };
                return last_of_connection(answer(status, said), version);
            }
        };
        match Notification::parse(&body) {
            Ok(notification) => self.take(notification).await,
            Err(problem) => {
                self.print(VerifiedNotification::malformed(problem));
                answer(StatusCode::BAD_REQUEST, "no notification")
            }
        }
    }

    async fn take(&self, notification: Notification) -> Response<Full<Bytes>> {
        let (verdict, note) = self.judge(&notification).await;
        let mut verified = VerifiedNotification::new(&notification, &verdict);
        if let Some(note) = note {
            verified = verified.noted(&note);
        }
        if !verdict.is_taken() {
            self.print(verified);
            return answer(refusal(&verdict), "the notification does not count");
        }
        let sighting = lock(&self.seen).see(&notification);
        match sighting {
            Recurrence::First => {}
            Recurrence::Repeated => {
                self.print(verified.repeated());
                return answer(StatusCode::OK, "success");
            }
            Recurrence::SameSignature => {
                verified = verified.noted(
                    "another one came with this signature, which does not cover what differs",
                );
            }
        }
        if let Some(deliveries) = &self.deliveries {
            let bytes = notification.to_json();
            let notification = Arc::new(notification);
            if deliveries.give(Arc::clone(&notification), bytes).is_err() {
                // It may come again, and is new then.
                lock(&self.seen).forget(&notification);
                return busy();
            }
        }
        self.print(verified);
        answer(StatusCode::OK, "success")
    }

    /// What there is to say of a notification, by its signature and by the objects of the cluster; and why by these nothing could be said.
    async fn judge(&self, notification: &Notification) -> (Verdict, Option<String>) {
        let verdict = self.expected.judge(notification, Some(now()));
        let objects = self.objects.as_ref().filter(|_| verdict.is_taken());
        let Some(objects) = objects else {
            return (verdict, None);
        };
        match objects.compare(notification).await {
            Comparison::Known => (verdict, None),
            Comparison::Unknown(objection) => (Verdict::Elsewhere(objection), None),
            Comparison::NotCompared(problem) => {
                let note = format!("not compared with the cluster's objects: {problem}");
                (verdict, Some(note))
            }
        }
    }

    /// A line at once, also into a pipe. Who does not read any more gets no more.
    fn print(&self, verified: VerifiedNotification) {
        let line = match self.format {
            ReceiptFormat::Line => verified.line(),
            ReceiptFormat::Json => json!(verified.received(now())).to_string(),
        };
        if let Err(count) = self.printed.give(line)
            && count.is_power_of_two()
        {
            // Where nobody reads that either, it is lost.
            let _ = self.messages.give(not_printed(count));
        }
    }
}

/// How a notification is answered that is not taken.
fn refusal(verdict: &Verdict) -> StatusCode {
    match verdict {
        Verdict::Shifted(_) | Verdict::Elsewhere(_) => StatusCode::FORBIDDEN,
        Verdict::Genuine
        | Verdict::Unverified
        | Verdict::Expired(_)
        | Verdict::Wrong
        | Verdict::Unsigned => StatusCode::UNAUTHORIZED,
    }
}

/// That lines had no room, for as many as that.
pub(super) fn not_printed(count: usize) -> String {
    format!("error: stdout is not read fast enough: {count} notifications were not printed so far")
}

fn busy() -> Response<Full<Bytes>> {
    answer(StatusCode::SERVICE_UNAVAILABLE, "busy, send it again")
}

/// Live wants JSON, of whatever content.
fn answer(status: StatusCode, result: &str) -> Response<Full<Bytes>> {
    let body = format!("{}\n", json!({ "result": result }));
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn without_body(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let length = response.body().size_hint().lower();
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    *response.body_mut() = Full::default();
    response
}

/// What was not read of a request stands in the way of the next one. HTTP/2 keeps them apart.
fn last_of_connection(
    mut response: Response<Full<Bytes>>,
    version: Version,
) -> Response<Full<Bytes>> {
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

#[cfg(test)]
mod tests;
