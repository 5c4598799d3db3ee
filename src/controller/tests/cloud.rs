//! The way to the simulated cloud, with whatever comes between.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::HOST;
use live_simulator::{Cloud, Delivery};
use tokio::time::{Instant, sleep, timeout_at};

use super::life::Life;
use super::story::EventStory;
use super::trouble::{CloudCall, CloudCallFate, Troubled, TroubledAnswer};
use super::world::wall;
use crate::platform::clock::WallClock;
use crate::platform::transport::{
    CallSlot, Deadline, Request, Response, Transport, TransportError, authority,
};

/// The address of another cloud, in which nothing lies.
pub(super) const STRANGE: &str = "https://live.strange.myhuaweicloud.com";

type CloudReply = Result<Response, TransportError>;

/// One call that was made, whatever came of it.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) at: Duration,
    pub(super) call: CloudCall,
}

/// What all processes share on their way to the cloud.
#[derive(Clone)]
pub(super) struct Road {
    pub(super) cloud: Cloud,
    pub(super) stranger: Cloud,
    trouble: Arc<dyn Troubled>,
    story: EventStory,
    made: Arc<Mutex<Vec<Made>>>,
    /// Whether the calls of others take all the room that there is.
    is_full: Arc<AtomicBool>,
    /// The domain of each id that was ever told.
    domains: Arc<Mutex<HashMap<String, String>>>,
}

/// The way of one process.
pub(super) struct CloudRoute {
    road: Road,
    life: Life,
}

impl Road {
    pub(super) fn new(
        cloud: Cloud,
        stranger: Cloud,
        trouble: Arc<dyn Troubled>,
        story: EventStory,
    ) -> Self {
        let (made, domains) = (Arc::default(), Arc::default());
        Self {
            cloud,
            stranger,
            trouble,
            story,
            made,
            is_full: Arc::default(),
            domains,
        }
    }

    /// Whether others take all the room for calls from now on.
    pub(super) fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    pub(super) fn way(&self, life: &Life) -> Arc<dyn Transport> {
        Arc::new(CloudRoute {
            road: self.clone(),
            life: life.clone(),
        })
    }

    /// Every call so far.
    pub(super) fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap().clone()
    }

    /// What a request asks for, and of which domain.
    fn call(&self, request: &Request) -> CloudCall {
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let id = path
            .split_once("/record/callbacks/")
            .map(|(_, id)| id.to_owned());
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let asked = pairs.find(|(name, _)| *name == "publish_domain");
        let body = request.body.as_ref().filter(|_| id.is_none());
        let posted = body.and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
        let posted = posted.and_then(|body| Some(body["publish_domain"].as_str()?.to_owned()));
        let domain = match &id {
            Some(id) => self.domains.lock().unwrap().get(id).cloned(),
            None => posted.or_else(|| asked.map(|(_, domain)| domain.to_owned())),
        };
        CloudCall {
            is_login: !path.contains("/record/callbacks"),
            method: request.method.clone(),
            url: request.url.clone(),
            id,
            domain,
        }
    }

    /// Learns which domain the ids of an answer belong to.
    fn learn(&self, response: &Response) {
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
            return;
        };
        let mut domains = self.domains.lock().unwrap();
        let rows = body["callback_config"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for row in rows.iter().chain([&body]) {
            if let (Some(id), Some(domain)) = (row["id"].as_str(), row["publish_domain"].as_str()) {
                domains.insert(id.to_owned(), domain.to_lowercase());
            }
        }
    }

    /// Carries a call out, now or later, whether its caller waits or not.
    async fn carry_out(self, request: Request, fate: CloudCallFate) -> Option<CloudReply> {
        sleep(fate.before).await;
        let reply = if fate.carried_out {
            let cloud = if request.url.starts_with(STRANGE) {
                &self.stranger
            } else {
                &self.cloud
            };
            let asked = asked(request);
            Some(received(
                cloud.call(asked, live_simulator::ExchangeScheme::Tls).await,
            ))
        } else {
            None
        };
        sleep(fate.after).await;
        reply
    }
}

impl CloudRoute {
    async fn exchange(&self, request: Request, deadline: Deadline) -> CloudReply {
        self.life.or_nothing().await;
        let call = self.road.call(&request);
        let fate = self.road.trouble.at_cloud(&call);
        let at = self.road.story.age();
        let what = format!(
            "{} {}",
            call.method,
            call.id
                .as_ref()
                .or(call.domain.as_ref())
                .map_or("everything", |what| what)
        );
        self.road.made.lock().unwrap().push(Made { at, call });
        if deadline.has_passed(&(Arc::new(wall) as WallClock)) {
            return Err(TransportError::NotSent("too late".to_owned()));
        }
        if matches!(fate.answer, TroubledAnswer::NotSent) {
            self.road
                .story
                .log(format!("cloud: {what} -> no connection"));
            return Err(TransportError::NotSent("no route to host".to_owned()));
        }
        let work = tokio::spawn(self.road.clone().carry_out(request, fate.clone()));
        let reply = match timeout_at(deadline.instant, work).await {
            Ok(reply) => self.answer(reply.unwrap(), &fate, deadline).await,
            Err(_) => late(),
        };
        let note = &fate.note;
        self.road
            .story
            .log(format!("cloud: {what} -> {} {note}", shown(&reply)));
        self.life.or_nothing().await;
        reply
    }

    async fn answer(
        &self,
        reply: Option<CloudReply>,
        fate: &CloudCallFate,
        deadline: Deadline,
    ) -> CloudReply {
        let silence = || async {
            tokio::time::sleep_until(deadline.instant).await;
            late()
        };
        let reply = match &fate.answer {
            TroubledAnswer::True => reply.unwrap_or_else(broken),
            TroubledAnswer::Reply(response) => Ok(response.clone()),
            TroubledAnswer::Edited(edit) => reply.unwrap_or_else(broken).map(|mut response| {
                edit(&mut response);
                response
            }),
            TroubledAnswer::Broken | TroubledAnswer::NotSent => broken(),
            TroubledAnswer::Silent => silence().await,
            TroubledAnswer::Fatal => {
                self.life.end();
                std::future::pending().await
            }
        };
        match reply {
            // The simulator's own silence.
            Err(TransportError::AfterHandOver(text)) if text.is_empty() => silence().await,
            Ok(response) => {
                self.road.learn(&response);
                Ok(response)
            }
            Err(error) => Err(error),
        }
    }
}

impl Transport for CloudRoute {
    fn slot<'a>(&'a self, _: &'a str, until: Instant) -> BoxFuture<'a, Option<CallSlot>> {
        Box::pin(async move {
            while self.road.is_full.load(Ordering::Relaxed) {
                if Instant::now() >= until {
                    return None;
                }
                sleep(Duration::from_millis(100)).await;
            }
            Some(CallSlot::default())
        })
    }

    fn send(&self, request: Request, deadline: Deadline) -> BoxFuture<'_, CloudReply> {
        Box::pin(self.exchange(request, deadline))
    }
}

fn asked(request: Request) -> http::Request<Bytes> {
    let host = authority(&request.url).to_owned();
    let mut asked = http::Request::builder()
        .method(request.method)
        .uri(request.url)
        .body(request.body.unwrap_or_default())
        .unwrap();
    *asked.headers_mut() = request.headers;
    asked
        .headers_mut()
        .entry(HOST)
        .or_insert_with(|| host.parse().unwrap());
    asked
}

/// What a client makes of what the simulator sends.
fn received(delivery: Delivery) -> CloudReply {
    match delivery {
        Delivery::Whole(response) => {
            let (head, body) = response.into_parts();
            Ok(Response {
                status: head.status,
                headers: head.headers,
                body,
            })
        }
        Delivery::Cut(response, _) => {
            let (head, _) = response.into_parts();
            Err(TransportError::Unreadable {
                status: head.status,
                headers: head.headers,
                message: "the answer broke off".to_owned(),
                had_no_room: false,
            })
        }
        Delivery::Raw(_) | Delivery::Close => broken(),
        Delivery::Hang => Err(TransportError::AfterHandOver(String::new())),
    }
}

fn broken() -> CloudReply {
    Err(TransportError::AfterHandOver(
        "the connection broke".to_owned(),
    ))
}

fn late() -> CloudReply {
    Err(TransportError::AfterHandOver(
        "no answer before the deadline".to_owned(),
    ))
}

fn shown(reply: &CloudReply) -> String {
    match reply {
        Ok(response) => format!("{} {}", response.status.as_u16(), shortened(&response.body)),
        Err(TransportError::NotSent(text) | TransportError::AfterHandOver(text)) => text.clone(),
        Err(TransportError::Unreadable {
            status, message, ..
        }) => format!("{status}, {message}"),
    }
}

/// A body as the story tells it.
fn shortened(body: &[u8]) -> String {
    let row = |row: &serde_json::Value| {
        let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let (url, events) = (
            word("notify_callback_url"),
            &row["notify_event_subscription"],
        );
        let (domain, app, id) = (word("publish_domain"), word("app"), word("id"));
        let updated = word("update_time");
        format!(
            "({id} {domain}/{app} {url} {events} {} {updated})",
            word("sign_type")
        )
    };
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(list) if list["callback_config"].is_array() => {
            let rows = list["callback_config"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let ours = rows.iter().filter(|row| {
                row["app"] == "live" && row["publish_domain"] != "foreign.example.com"
            });
            let ours: Vec<String> = ours.map(row).collect();
            format!(
                "{} of {} rows: {}",
                rows.len(),
                list["total"],
                ours.join(" ")
            )
        }
        Ok(one) if one["id"].is_string() => row(&one),
        _ => String::from_utf8_lossy(body).chars().take(100).collect(),
    }
}
