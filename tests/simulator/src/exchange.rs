//! One call from its arrival to its answer: authentication, quota, faults, the change of rows, the
//! log. Knows no sockets.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;

use crate::api::LiveCall;
use crate::auth;
use crate::cloud::CallPhase;
use crate::cloud::Cloud;
use crate::cloud::CloudState;
use crate::cloud::Now;
use crate::faults::CallFacts;
use crate::faults::ScriptedAnswer;
use crate::faults::ScriptedFault;
use crate::iam::IamCall;
use crate::log;
use crate::log::LoggedCall;
use crate::random;
use crate::refusal::CloudRefusal;
use crate::reply::DoneReply;
use crate::route::Route;
use crate::settings::PlainHttp;
use crate::sign::Signed;
use crate::validate;

const HOST: &str = "live-simulator";

/// How a call reached the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeScheme {
    /// Over TLS.
    Tls,
    /// Over plain HTTP, at a listener without TLS.
    Plain,
    /// Over plain HTTP, at a listener for TLS.
    PlainAtTls,
}

/// What becomes of the connection of a call.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// This answer is sent.
    Whole(Response<Bytes>),
    /// This answer is sent up to so many bytes of its body; then the connection is closed.
    Cut(Response<Bytes>, usize),
    /// These bytes are sent in place of an HTTP message; then the connection is closed.
    Raw(Bytes),
    /// The connection is closed.
    Close,
    /// Nothing is sent; the connection stays open.
    Hang,
}

/// A call under way.
struct Exchange<'a> {
    cloud: &'a Cloud,
    request: &'a Request<Bytes>,
    route: &'a Route,
    transport: ExchangeScheme,
    seq: u64,
    request_id: String,
}

impl Cloud {
    /// Answers a call. It is carried out to the end even if the future is dropped, as a real
    /// service does whose caller gives up. Must be called within a Tokio runtime.
    pub async fn call(&self, request: Request<Bytes>, transport: ExchangeScheme) -> Delivery {
        let cloud = self.clone();
        let exchange = tokio::spawn(async move { cloud.exchange(&request, transport).await });
        let Ok((seq, delivery)) = exchange.await else {
            return Delivery::Close;
        };
        self.write(|state, now| match &delivery {
            Delivery::Whole(_) => {
                state
                    .log
                    .update(seq, |call| call.answered_at = Some(now.machine));
            }
            Delivery::Cut(..) | Delivery::Raw(_) | Delivery::Close | Delivery::Hang => {}
        });
        delivery
    }

    async fn exchange(
        &self,
        request: &Request<Bytes>,
        transport: ExchangeScheme,
    ) -> (u64, Delivery) {
        let route = Route::of(request.method(), request.uri().path());
        let (seq, request_id) = self.write(|state, now| {
            let milliseconds = now.cloud.as_millisecond();
            let request_id = format!("{}-{milliseconds}-{HOST}", random::hex(16));
            let seq = state.log.open(opened(request, &route, &request_id, now));
            (seq, request_id)
        });
        let exchange = Exchange {
            cloud: self,
            request,
            route: &route,
            transport,
            seq,
            request_id,
        };
        (seq, exchange.run().await)
    }
}

fn opened(request: &Request<Bytes>, route: &Route, request_id: &str, now: Now) -> LoggedCall {
    let operation = route.operation();
    let (id, body) = match route {
        Route::Live { id, .. } => (id.clone(), log::loggable_body(request.body())),
        Route::Iam(_) | Route::Unknown => (None, None),
    };
    LoggedCall {
        seq: 0,
        at: now.machine,
        answered_at: None,
        operation,
        method: request.method().to_string(),
        target: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        body,
        credential: None,
        status: None,
        error_code: None,
        request_id: request_id.to_owned(),
        committed: false,
        row_id: id,
        fault: None,
    }
}

/// Counts a call as in progress for as long as it lives.
struct InProgress<'a>(&'a Cloud);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0
            .write(|state, _| state.in_progress = state.in_progress.saturating_sub(1));
    }
}

impl Exchange<'_> {
    async fn run(&self) -> Delivery {
        let latency = self.cloud.write(|state, _| {
            state.in_progress += 1;
            state.settings.latency_ms
        });
        let _in_progress = InProgress(self.cloud);
        sleep(latency).await;

        let (admitted, fault) = self.cloud.write(|state, now| {
            let admitted = self.admit(state, now);
            let fault = match admitted {
                Ok(()) => self.choose_fault(state).unwrap_or_default(),
                Err(_) => ScriptedFault::default(),
            };
            (admitted, fault)
        });
        sleep(fault.delay_before_ms).await;
        self.hook(CallPhase::BeforeCommit);
        let done = self.cloud.write(|state, now| {
            let done = match admitted {
                Ok(()) if fault.commit => self.carry_out(state, &fault, now),
                Ok(()) => DoneReply::new(500, None),
                Err(refusal) => DoneReply::refused(&refusal, &self.request_id),
            };
            state.log.update(self.seq, |call| {
                call.committed = done.committed;
                call.row_id = done.row_id.clone().or_else(|| call.row_id.take());
            });
            done
        });
        self.hook(CallPhase::AfterCommit);
        sleep(fault.delay_after_ms).await;
        self.cloud
            .write(|state, now| self.deliver(state, fault.answer, done, now))
    }

    fn signed(&self) -> Signed<'_> {
        Signed {
            method: self.request.method().as_str(),
            path: self.request.uri().path(),
            query: self.request.uri().query().unwrap_or_default(),
            headers: self.request.headers(),
            body: self.request.body(),
        }
    }

    fn admit(&self, state: &mut CloudState, now: Now) -> Result<(), CloudRefusal> {
        match self.route {
            Route::Live {
                operation,
                project_id,
                ..
            } => {
                self.check_transport(state)?;
                let principal = state
                    .keyring
                    .authenticate(&self.signed(), now, &state.settings)?;
                state.log.update(self.seq, |call| {
                    call.credential = Some(principal.label.clone());
                });
                state.quota.admit(
                    &principal.rights.user,
                    *operation,
                    now.machine,
                    &state.settings,
                )?;
                if state
                    .settings
                    .concurrent_calls
                    .is_some_and(|limit| state.in_progress > limit)
                {
                    return Err(CloudRefusal::too_many_concurrent_calls());
                }
                let named = auth::text(self.request.headers(), "x-project-id");
                principal.check(*operation, project_id, named)
            }
            Route::Iam(_) => Ok(()),
            Route::Unknown => Err(CloudRefusal::no_such_api()),
        }
    }

    fn check_transport(&self, state: &CloudState) -> Result<(), CloudRefusal> {
        match (self.transport, state.settings.plain_http) {
            (ExchangeScheme::Tls, _) | (ExchangeScheme::Plain, PlainHttp::Serve) => Ok(()),
            (ExchangeScheme::PlainAtTls, _) | (ExchangeScheme::Plain, PlainHttp::Refuse) => {
                Err(CloudRefusal::https_only())
            }
        }
    }

    fn choose_fault(&self, state: &mut CloudState) -> Option<ScriptedFault> {
        let query = validate::parameters(self.signed().query).unwrap_or_default();
        let call = state.log.call(self.seq)?;
        let row = call.row_id.as_deref().and_then(|id| state.store.get(id));
        let named = |name: &str| {
            let in_body = call.body.as_ref().and_then(|body| body.get(name)?.as_str());
            let in_query = || {
                query
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| &**value)
            };
            in_body.or_else(in_query)
        };
        let facts = CallFacts {
            operation: call.operation,
            publish_domain: named("publish_domain").or(row.map(|row| &*row.publish_domain)),
            app: named("app").or(row.map(|row| &*row.app)),
            id: call.row_id.as_deref(),
        };
        let fault = state.script.next(&facts)?;
        state
            .log
            .update(self.seq, |call| call.fault = Some(fault.label()));
        Some(fault)
    }

    fn carry_out(&self, state: &mut CloudState, fault: &ScriptedFault, now: Now) -> DoneReply {
        let signed = self.signed();
        match self.route {
            Route::Live {
                operation,
                project_id,
                id,
            } => {
                let call = LiveCall {
                    seq: self.seq,
                    operation: *operation,
                    project_id,
                    id: id.as_deref(),
                    query: signed.query,
                    content_type: auth::text(signed.headers, "content-type"),
                    body: signed.body,
                    rewrite: fault.rewrite.as_ref(),
                };
                state
                    .carry_out(&call, now)
                    .unwrap_or_else(|refusal| DoneReply::refused(&refusal, &self.request_id))
            }
            Route::Iam(operation) => {
                let operation = *operation;
                let done = state.carry_out_iam(&IamCall { operation, signed }, now);
                done.header("x-iam-trace-id", &self.request_id)
            }
            Route::Unknown => DoneReply::refused(&CloudRefusal::no_such_api(), &self.request_id),
        }
    }

    fn hook(&self, phase: CallPhase) {
        if let Some(call) = self.cloud.read(|state| state.log.call(self.seq).cloned()) {
            self.cloud.call_hooks(phase, &call);
        }
    }

    fn deliver(
        &self,
        state: &mut CloudState,
        answer: ScriptedAnswer,
        done: DoneReply,
        now: Now,
    ) -> Delivery {
        match answer {
            ScriptedAnswer::Normal => Delivery::Whole(self.answered(state, done, now)),
            ScriptedAnswer::Cut(after) => Delivery::Cut(self.answered(state, done, now), after),
            ScriptedAnswer::Reply(reply) => {
                Delivery::Whole(self.answered(state, DoneReply::scripted(reply), now))
            }
            ScriptedAnswer::Raw(payload) => Delivery::Raw(payload.bytes()),
            ScriptedAnswer::Close => Delivery::Close,
            ScriptedAnswer::Hang => Delivery::Hang,
        }
    }

    fn answered(&self, state: &mut CloudState, done: DoneReply, now: Now) -> Response<Bytes> {
        state.log.update(self.seq, |call| {
            call.status = Some(done.status);
            call.error_code.clone_from(&done.error_code);
        });
        done.into_response(&self.request_id, now)
    }
}

async fn sleep(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
