//! What the objects of a cluster say notifications may be about: a domain and an app that one of them has. Reads objects, and only that.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::api::RecordingCallbackSpec;
use crate::cluster::raw::RawObjects;
use crate::command::readable;
use crate::live::notification::Notification;

/// For so long what was read counts.
const KEPT: Duration = Duration::from_mins(1);
/// What lacks a place may be so old: an object may have come since.
const LOOKED_AGAIN: Duration = Duration::from_secs(5);
/// A notification is not kept waiting for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a notification stands to the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comparison {
    /// One of them stands for it.
    Known,
    /// None of them does.
    Unknown(String),
    /// They can't be read.
    NotCompared(String),
}

/// The objects of a namespace, or of every one.
pub(super) struct ComparedObjects {
    raw: RawObjects,
    namespace: Option<String>,
    read: Mutex<ReadPlaces>,
}

/// What was read last, and when that was tried.
struct ReadPlaces {
    tried: Option<Instant>,
    places: Result<Vec<DeclaredPlace>, String>,
}

/// Where an object's callback is.
struct DeclaredPlace {
    domain: String,
    app: String,
}

impl DeclaredPlace {
    fn new(spec: &RecordingCallbackSpec) -> Self {
        Self {
            domain: spec.publish_domain.clone(),
            app: spec.app.clone(),
        }
    }

    fn covers(&self, domain: &str, app: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain) && (self.app == "*" || self.app == app)
    }
}

impl ComparedObjects {
    /// Nothing is read yet.
    pub(super) fn new(client: kube::Client, namespace: Option<String>) -> Self {
        Self {
            raw: RawObjects::new(client),
            namespace,
            read: Mutex::new(ReadPlaces {
                tried: None,
                places: Ok(Vec::new()),
            }),
        }
    }

    /// Whether an object stands for what a notification is about.
    pub(super) async fn compare(&self, notification: &Notification) -> Comparison {
        let domain = notification.text("publish_domain");
        let app = notification.text("app");
        let mut read = self.read.lock().await;
        let is_known = |read: &ReadPlaces| {
            let mut places = read.places.iter().flatten();
            places.any(|place| place.covers(&domain, &app))
        };
        let limit = if is_known(&read) { KEPT } else { LOOKED_AGAIN };
        let age = read.tried.map(|tried| tried.elapsed());
        if age.is_none_or(|age| age >= limit) {
            read.places = self.places().await;
            read.tried = Some(Instant::now());
        }
        match &read.places {
            _ if is_known(&read) => Comparison::Known,
            Ok(_) => Comparison::Unknown(format!(
                "no RecordingCallback of {} is about {domain} {app}",
                self.scope()
            )),
            Err(problem) => Comparison::NotCompared(problem.clone()),
        }
    }

    async fn places(&self) -> Result<Vec<DeclaredPlace>, String> {
        let listed = timeout(PATIENCE, self.raw.list(self.namespace.as_deref())).await;
        let objects = match listed {
            Ok(Ok(objects)) => objects,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the API server did not answer in 5 s".to_owned()),
        };
        let (objects, _) = readable(objects);
        let places = objects
            .iter()
            .map(|object| DeclaredPlace::new(&object.spec));
        Ok(places.collect())
    }

    fn scope(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("the namespace {namespace}"),
            None => "the cluster".to_owned(),
        }
    }
}
