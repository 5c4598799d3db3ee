//! A client with everything around it scripted: replies in order, a clock that stands at noon, a quota that always gives.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::super::*;
use crate::platform::account::Account;
use crate::platform::clock::WallClock;
use crate::platform::credentials::CredentialSet;
use crate::platform::quota::{Bucket, Lane, Quota, Token};
use crate::platform::transport::{CallSlot, Deadline, Request, Response, TransportError};
use crate::terms::target::Target;

/// Noon, as a `Date` header says it.
pub(super) const DATE: &str = "Wed, 25 Nov 2026 12:00:00 GMT";

const SILENT_IAM: &str = "https://silent-iam.example.com";

pub(super) fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// What the transport brings, made of an answer or of an error.
pub(super) struct StageReply(Result<Response, TransportError>);

impl From<Response> for StageReply {
    fn from(response: Response) -> Self {
        Self(Ok(response))
    }
}

impl From<TransportError> for StageReply {
    fn from(error: TransportError) -> Self {
        Self(Err(error))
    }
}

type Metered = (Operation, Option<u16>, Option<&'static str>);
type StageScript = Box<dyn FnOnce(&Request) -> StageReply + Send>;

pub(super) struct ClientStage {
    pub(super) client: Client,
    pub(super) account: Account,
    pub(super) metered: Arc<Mutex<Vec<Metered>>>,
    script: Arc<Scripted>,
    bucket: Bucket,
}

pub(super) fn answer(status: u16, body: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

pub(super) fn refusal(status: u16, code: &str, date: Option<&str>) -> Response {
    let mut response = answer(status, "");
    response.body = json!({"error_code": code, "error_msg": "text"})
        .to_string()
        .into();
    if let Some(date) = date {
        response.headers.insert(header::DATE, date.parse().unwrap());
    }
    response
}

/// IAM's answer with a token that lives for a day.
pub(super) fn issued(token: &str) -> Response {
    let mut response = answer(
        201,
        r#"{"token":{"expires_at":"2026-11-26T12:00:00.000000Z"}}"#,
    );
    response
        .headers
        .insert("X-Subject-Token", token.parse().unwrap());
    response
}

impl ClientStage {
    pub(super) fn new(pairs: &[(&str, &str)]) -> Self {
        Self::with_quota(pairs, 6_000)
    }

    pub(super) fn with_quota(pairs: &[(&str, &str)], per_minute: u32) -> Self {
        let wall: WallClock = Arc::new(noon);
        let clock = Arc::new(Clock::new(wall));
        let script = Arc::new(Scripted::default());
        let metered: Arc<Mutex<Vec<Metered>>> = Arc::default();
        let bucket = Quota::new(per_minute).bucket("test");
        let client = Client::new(
            script.clone(),
            clock,
            Arc::new(Recorder(Arc::clone(&metered))),
            Duration::from_secs(15),
        );
        Self {
            client,
            account: account(pairs, "project", "https://iam.example.com"),
            metered,
            script,
            bucket,
        }
    }

    pub(super) async fn token(&self) -> Token {
        self.token_of("test").await
    }

    pub(super) async fn token_of(&self, namespace: &str) -> Token {
        self.bucket.acquire(Lane::Create, namespace).await
    }

    pub(super) async fn create_permit(&self) -> CreatePermit {
        super::permit(self.token().await, &self.account, self.deadline())
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.client.clock.wall(), self.client.request_timeout)
    }

    pub(super) fn reply(&self, reply: impl Into<StageReply>) {
        let reply = reply.into();
        self.script
            .replies
            .lock()
            .unwrap()
            .push_back(Box::new(|_| reply));
    }

    pub(super) fn echo(&self, status: u16, body: fn(&Request) -> String) {
        self.answer_to(move |sent| {
            let mut response = answer(status, "");
            response.body = body(sent).into();
            response.into()
        });
    }

    /// Replies with what is made of the request.
    pub(super) fn answer_to(&self, script: impl FnOnce(&Request) -> StageReply + Send + 'static) {
        self.script
            .replies
            .lock()
            .unwrap()
            .push_back(Box::new(script));
    }

    /// From now on as many calls are under way as may be.
    pub(super) fn crowd(&self) {
        self.script.is_crowded.store(true, Ordering::SeqCst);
    }

    pub(super) fn sent(&self) -> Vec<Request> {
        self.script.sent.lock().unwrap().clone()
    }
}

/// An account whose IAM never answers.
pub(super) fn without_iam(pairs: &[(&str, &str)], project: &str) -> Account {
    account(pairs, project, SILENT_IAM)
}

fn account(pairs: &[(&str, &str)], project: &str, iam: &str) -> Account {
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: project.to_owned(),
        endpoint: "https://live.example.com".to_owned(),
    };
    let data = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    let credential = CredentialSet::read(&data.collect()).unwrap().credential;
    Account::new(target, credential, iam.to_owned())
}

#[derive(Default)]
struct Scripted {
    sent: Mutex<Vec<Request>>,
    replies: Mutex<VecDeque<StageScript>>,
    is_crowded: AtomicBool,
}

impl Transport for Scripted {
    fn slot<'a>(&'a self, _: &'a str, until: Instant) -> BoxFuture<'a, Option<CallSlot>> {
        Box::pin(async move {
            if self.is_crowded.load(Ordering::SeqCst) {
                sleep_until(until).await;
                return None;
            }
            Some(CallSlot::default())
        })
    }

    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        if request.url.starts_with(SILENT_IAM) {
            return Box::pin(async move {
                sleep_until(deadline.instant).await;
                Err(TransportError::AfterHandOver("no answer".to_owned()))
            });
        }
        let script = self
            .replies
            .lock()
            .unwrap()
            .pop_front()
            .expect("an unexpected call");
        let reply = script(&request);
        self.sent.lock().unwrap().push(request);
        Box::pin(async { reply.0 })
    }
}

struct Recorder(Arc<Mutex<Vec<Metered>>>);

impl CallMeter for Recorder {
    fn waited(&self, _: Lane, _: Duration) {}

    fn call(
        &self,
        operation: Operation,
        status: Option<u16>,
        code: Option<&'static str>,
        _: Duration,
    ) {
        self.0.lock().unwrap().push((operation, status, code));
    }
}
