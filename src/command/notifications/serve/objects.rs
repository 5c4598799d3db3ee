//! What the objects of a cluster say notifications may be about: a domain and an app that one of them has. Reads objects, and only that.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::api::RecordingCallback;
use crate::cluster::raw::RawObjects;
use crate::command::full_name;
use crate::command::readable::ReadObjects;
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
    /// Empty where it is not known.
    domain: String,
    /// So, too.
    app: String,
    /// Whose it is.
    name: String,
}

impl DeclaredPlace {
    fn new(object: &RecordingCallback) -> Self {
        Self {
            domain: object.spec.publish_domain.clone(),
            app: object.spec.app.clone(),
            name: full_name(object),
        }
    }

    fn is_known(&self) -> bool {
        !self.domain.is_empty() && !self.app.is_empty()
    }

    /// Whether it is about these. What is not known of it may be anything.
    fn covers(&self, domain: &str, app: &str) -> bool {
        let is_domain = self.domain.is_empty() || self.domain.eq_ignore_ascii_case(domain);
        let is_app = self.app.is_empty() || self.app == "*" || self.app == app;
        is_domain && is_app
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
            places.any(|place| place.is_known() && place.covers(&domain, &app))
        };
        let limit = if is_known(&read) { KEPT } else { LOOKED_AGAIN };
        let age = read.tried.map(|tried| tried.elapsed());
        if age.is_none_or(|age| age >= limit) {
            read.places = self.places().await;
            read.tried = Some(Instant::now());
        }
        if is_known(&read) {
            return Comparison::Known;
        }
        let places = match &read.places {
            Ok(places) => places,
            Err(problem) => return Comparison::NotCompared(problem.clone()),
        };
        match places.iter().find(|place| place.covers(&domain, &app)) {
            Some(place) => Comparison::NotCompared(format!("{} can't be read", place.name)),
            None => Comparison::Unknown(format!(
                "no RecordingCallback of {} is about {domain} {app}",
                self.scope()
            )),
        }
    }

    async fn places(&self) -> Result<Vec<DeclaredPlace>, String> {
        let listed = timeout(PATIENCE, self.raw.list(self.namespace.as_deref())).await;
        let objects = match listed {
            Ok(Ok(objects)) => objects,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the API server did not answer in 5 s".to_owned()),
        };
        let objects = ReadObjects::of(objects);
        Ok(objects.all().map(DeclaredPlace::new).collect())
    }

    fn scope(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("the namespace {namespace}"),
            None => "the cluster".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::BoxError;

    use super::*;

    async fn compared(objects: &Value, domain: &str, app: &str) -> Comparison {
        let list = json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects });
        let service = tower::service_fn(move |_: Request<Body>| {
            let body = Body::from(list.to_string().into_bytes());
            std::future::ready(Ok::<_, BoxError>(Response::new(body)))
        });
        let client = kube::Client::new(service, "default");
        let said = json!({ "event_type": "RECORD_OVER", "publish_domain": domain, "app": app });
        let notification = Notification::parse(said.to_string().as_bytes()).unwrap();
        ComparedObjects::new(client, None)
            .compare(&notification)
            .await
    }

    #[tokio::test]
    async fn an_object_that_can_not_be_read_stands_for_its_place_or_may_do_so() {
        let object = |name: &str, domain: Value, app: Value| {
            json!({
                "metadata": { "name": name, "namespace": "media" },
                "spec": { "publishDomain": domain, "app": app }, "status": { "failures": "many" },
            })
        };
        let mut objects = vec![object("broken", json!("push.example.com"), json!("live"))];
        let known = compared(&json!(objects), "push.example.com", "live").await;
        assert_eq!(known, Comparison::Known);
        let unknown = compared(&json!(objects), "push.example.com", "other").await;
        assert!(matches!(unknown, Comparison::Unknown(_)), "{unknown:?}");
        objects.push(object("dark", json!("push.example.com"), json!(5)));
        let dark = Comparison::NotCompared("media/dark can't be read".to_owned());
        let found = compared(&json!(objects), "push.example.com", "other").await;
        assert_eq!(found, dark);
        let unknown = compared(&json!(objects), "other.example.com", "other").await;
        assert!(matches!(unknown, Comparison::Unknown(_)), "{unknown:?}");
    }
}
