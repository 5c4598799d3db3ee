//! An API server in memory, as far as the controller uses one: objects with versions and finalizers, watches, Secrets, the CRD.
//!
//! The house rule is real parts. This one is an exception for the sake of virtual time: no real API server keeps it. It knows no
//! schema and no rights; that both servers agree on what a write does is shown by `tests/operator`, which runs the same controller.

mod address;
mod crd;
mod store;
mod watching;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use json_patch::PatchOperation;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::BoxError;

use self::address::{Address, address, key_of, parameter};
use self::store::{EXPIRED, MemoryStore, NOT_FOUND, ObjectPart, PAGE};
pub(super) use self::store::{StoreKey, StoreRefusal, StoredCrd, WatchDelivery};
use super::life::Life;
use super::story::EventStory;
use super::trouble::{CallFate, ServerCall, Troubled, Verb};
use super::world::wall;

type ApiAnswer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Clones are handles of the same server.
#[derive(Clone)]
pub(super) struct MemoryApiServer {
    store: Arc<Mutex<MemoryStore>>,
    changed: watch::Sender<u64>,
    trouble: Arc<dyn Troubled>,
    story: EventStory,
}

impl MemoryApiServer {
    pub(super) fn new(trouble: Arc<dyn Troubled>, story: EventStory) -> Self {
        Self {
            store: Arc::new(Mutex::new(MemoryStore::new())),
            changed: watch::Sender::new(0),
            trouble,
            story,
        }
    }

    /// A client for a process with this life.
    pub(super) fn client(&self, life: &Life) -> kube::Client {
        let (server, life) = (self.clone(), life.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, life) = (server.clone(), life.clone());
            async move { server.answer(&life, request).await }
        });
        kube::Client::new(service, "default")
    }

    /// An object as it is now.
    pub(super) fn object(&self, key: &StoreKey) -> Option<Value> {
        self.lock().get(key).cloned()
    }

    pub(super) fn create(&self, key: &StoreKey, spec: &Value) {
        self.act(|store| store.create(key, spec, wall()));
    }

    /// Changes an object as a person does; `false` when there is none.
    pub(super) fn edit(&self, key: &StoreKey, change: impl FnOnce(&mut Value)) -> bool {
        self.act(|store| store.edit(key, change))
    }

    pub(super) fn delete(&self, key: &StoreKey) -> bool {
        self.act(|store| store.delete(key, wall()))
    }

    /// Puts a Secret in place, or takes it away.
    pub(super) fn set_secret(&self, key: &StoreKey, values: Option<BTreeMap<String, String>>) {
        self.act(|store| match values {
            Some(values) => drop(store.secrets.insert(key.clone(), values)),
            None => drop(store.secrets.remove(key)),
        });
    }

    pub(super) fn secret(&self, key: &StoreKey) -> Option<BTreeMap<String, String>> {
        self.lock().secrets.get(key).cloned()
    }

    pub(super) fn set_crd(&self, crd: StoredCrd) {
        self.act(|store| store.crd = crd);
    }

    /// Every version of every object.
    pub(super) fn history(&self) -> Vec<(Timestamp, StoreKey, Value)> {
        let store = self.lock();
        let changes = store.changes.iter();
        changes
            .map(|change| (change.at, change.key.clone(), change.object.clone()))
            .collect()
    }

    /// How many objects are so.
    pub(super) fn count(&self, is_so: impl Fn(&StoreKey, &Value) -> bool) -> usize {
        let store = self.lock();
        let all = store.all().iter();
        all.filter(|(key, object)| is_so(key, object)).count()
    }

    /// So many changes are remembered from now on: a watch that wants older ones has to begin anew.
    pub(super) fn remember(&self, changes: usize) {
        self.act(|store| store.remembered = changes);
    }

    /// A page of a list has at most so many objects from now on.
    pub(super) fn set_page(&self, objects: usize) {
        self.act(|store| store.page = objects);
    }

    /// All watches, and all lists that are not complete, have to begin anew.
    pub(super) fn expire(&self) {
        self.act(|store| store.expiries += 1);
    }

    /// The version of the storage, for a backup.
    pub(super) fn version(&self) -> u64 {
        self.lock().version()
    }

    /// The storage is restored from a backup that was made at this version; watches go on as if nothing had happened.
    pub(super) fn go_back(&self, version: u64) {
        self.story
            .log(format!("the storage goes back to {version}"));
        self.act(|store| store.go_back(version));
    }

    /// How watches tell changes from now on.
    pub(super) fn set_delivery(&self, delivery: WatchDelivery) {
        self.act(|store| store.delivery = delivery);
    }

    /// From now on each write is as this admission webhook makes it.
    pub(super) fn admit_by(&self, webhook: impl Fn(&Value, &mut Value) + Send + 'static) {
        self.act(|store| store.webhook = Some(Box::new(webhook)));
    }

    /// No webhook is asked any more.
    pub(super) fn admit_all(&self) {
        self.act(|store| store.webhook = None);
    }

    fn act<T>(&self, act: impl FnOnce(&mut MemoryStore) -> T) -> T {
        let (result, version) = {
            let mut store = self.lock();
            (act(&mut store), store.version())
        };
        self.changed.send_replace(version);
        result
    }

    fn lock(&self) -> MutexGuard<'_, MemoryStore> {
        self.store.lock().unwrap()
    }

    async fn answer(&self, life: &Life, request: Request<Body>) -> Result<ApiAnswer, BoxError> {
        life.or_nothing().await;
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let address = address(&head.method, head.uri.path(), head.uri.query());
        let call = ServerCall {
            verb: address.verb,
            namespace: address.key.0.clone(),
            name: address.key.1.clone(),
        };
        let fate = self.trouble.at_server(&call);
        if fate != CallFate::Served {
            self.story.log(format!(
                "API server: {:?} {} -> {fate:?}",
                call.verb, call.name
            ));
        }
        let accept = head.headers.get(http::header::ACCEPT);
        let accept = accept.and_then(|accept| accept.to_str().ok());
        let is_partial = accept.is_some_and(|accept| accept.contains("PartialObject"));
        let serve = || self.serve(life, &address, &body, is_partial);
        match fate {
            CallFate::Served => Ok(serve()),
            CallFate::Undone => {
                self.admit_by(|old, new| new.clone_from(old));
                let answer = serve();
                self.admit_all();
                Ok(answer)
            }
            CallFate::Late(wait) => {
                tokio::time::sleep(wait).await;
                life.or_nothing().await;
                Ok(serve())
            }
            CallFate::Slow(wait) => {
                let answer = serve();
                tokio::time::sleep(wait).await;
                life.or_nothing().await;
                Ok(answer)
            }
            CallFate::Refused(code, reason) => Ok(refused(&StoreRefusal { code, reason })),
            CallFate::Broken { carried_out } => {
                let _ = carried_out.then(serve);
                Err("connection reset by peer".into())
            }
            CallFate::Silent { carried_out } => {
                let _ = carried_out.then(serve);
                std::future::pending().await
            }
            CallFate::Fatal { carried_out } => {
                let _ = carried_out.then(serve);
                life.end();
                std::future::pending().await
            }
        }
    }

    fn serve(
        &self,
        life: &Life,
        address: &Address<'_>,
        body: &[u8],
        is_partial: bool,
    ) -> ApiAnswer {
        match self.carry_out(life, address, body, is_partial) {
            Ok(answer) => answer,
            Err(refusal) => refused(&refusal),
        }
    }

    fn carry_out(
        &self,
        life: &Life,
        address: &Address<'_>,
        body: &[u8],
        is_partial: bool,
    ) -> Result<ApiAnswer, StoreRefusal> {
        let key = &address.key;
        let has_resource = self.lock().crd != StoredCrd::Gone;
        let value = match address.verb {
            verb if verb.is_of_the_resource() && !has_resource => return Err(PAGE),
            Verb::Watch => return Ok(watching::answer(self, life, address.query)),
            Verb::List => self.list(&key.0, is_partial, address.query)?,
            Verb::Get => self.lock().get(key).cloned().ok_or(NOT_FOUND)?,
            Verb::Patch => self.patch(key, ObjectPart::Main, body)?,
            Verb::PatchStatus => self.patch(key, ObjectPart::Status, body)?,
            Verb::ReadSecret => self.read_secret(key)?,
            Verb::ReadCrd => crd::answer(self.lock().crd).ok_or(NOT_FOUND)?,
            Verb::Publish => {
                json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "event"}})
            }
            Verb::Other => return Err(NOT_FOUND),
        };
        Ok(whole(200, &value))
    }

    fn patch(&self, key: &StoreKey, part: ObjectPart, body: &[u8]) -> Result<Value, StoreRefusal> {
        let operations: Vec<PatchOperation> = serde_json::from_slice(body).unwrap();
        let patched = self.act(|store| store.patch(key, part, &operations));
        self.story.log(match &patched {
            Ok(object) => describe(part, key, object),
            Err(refusal) => format!("patch {part:?} of {} -> {}", key.1, refusal.code),
        });
        patched
    }

    /// A page of a list. Each tells the version of the first and what there was then: what changes meanwhile a watch from there brings.
    fn list(&self, namespace: &str, is_partial: bool, query: &str) -> Result<Value, StoreRefusal> {
        let store = self.lock();
        let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok());
        let limit = store.page.min(limit.unwrap_or(usize::MAX));
        let (mut version, mut last, mut former) = (store.version(), key_of("", ""), None);
        if let Some(token) = parameter(query, "continue") {
            let parts: Vec<&str> = token.splitn(4, '.').collect();
            if parts[1] != store.expiries.to_string() {
                return Err(EXPIRED);
            }
            version = parts[0].parse().unwrap();
            last = key_of(parts[2], parts[3]);
            former = Some(store.at(version));
        }
        let objects = former.as_ref().unwrap_or_else(|| store.all());
        let mut rest = behind(objects, namespace, last).peekable();
        let (mut items, mut last) = (Vec::new(), None);
        for (key, object) in rest.by_ref().take(limit) {
            items.push(if is_partial {
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
            } else {
                object.clone()
            });
            last = Some(key);
        }
        let more = last.filter(|_| rest.peek().is_some());
        let expiries = store.expiries;
        let more = more.map(|(namespace, name)| format!("{version}.{expiries}.{namespace}.{name}"));
        let kind = if is_partial {
            "PartialObjectMetadataList"
        } else {
            "RecordingCallbackList"
        };
        Ok(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": kind,
            "metadata": {"resourceVersion": version.to_string(), "continue": more},
            "items": items,
        }))
    }

    fn read_secret(&self, key: &StoreKey) -> Result<Value, StoreRefusal> {
        use k8s_openapi::ByteString;
        let values = self.secret(key).ok_or(NOT_FOUND)?;
        let data: BTreeMap<_, _> = values
            .into_iter()
            .map(|(name, value)| (name, ByteString(value.into_bytes())))
            .collect();
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": key.0, "name": key.1},
            "data": data,
        }))
    }
}

/// Those of a namespace, or of all when it has no name, behind this one.
fn behind<'a>(
    objects: &'a BTreeMap<StoreKey, Value>,
    namespace: &'a str,
    last: StoreKey,
) -> impl Iterator<Item = (&'a StoreKey, &'a Value)> {
    let rest = objects.range((Excluded(last), Unbounded));
    rest.filter(move |(key, _)| namespace.is_empty() || key.0 == namespace)
}

/// A write as the story tells it.
fn describe(part: ObjectPart, key: &StoreKey, object: &Value) -> String {
    let name = &key.1;
    if part == ObjectPart::Main {
        let finalizers = &object["metadata"]["finalizers"];
        let record = &object["metadata"]["annotations"][crate::api::PENDING_OPERATION];
        return format!("{name}: metadata written, finalizers {finalizers} record {record}");
    }
    let status = &object["status"];
    let generation = &object["metadata"]["generation"];
    let conditions = status["conditions"].as_array();
    let ready = conditions.and_then(|all| all.iter().find(|one| one["type"] == "Ready"));
    let ready = ready.cloned().unwrap_or_default();
    format!(
        "{name}: status of generation {} (now {generation}): Ready {} {} id {} next {}: {}",
        status["observedGeneration"],
        ready["status"],
        ready["reason"],
        status["callbackID"],
        status["nextAttemptTime"],
        ready["message"],
    )
}

fn refused(refusal: &StoreRefusal) -> ApiAnswer {
    let StoreRefusal { code, reason } = refusal;
    if *refusal == PAGE {
        return text(*code, "404 page not found\n".to_owned());
    }
    let mut status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": format!("refused: {reason}"), "reason": reason, "code": code,
    });
    if *reason == "Unserved" {
        status["reason"] = json!("NotFound");
        status["message"] = json!("the server could not find the requested resource");
        status["details"] = json!({});
    }
    if *reason == "Schema" {
        status["reason"] = json!("Invalid");
        status["details"] = json!({"causes": [{"reason": "FieldValueInvalid", "message": "refused", "field": "status"}]});
    }
    whole(*code, &status)
}

fn whole(status: u16, value: &Value) -> ApiAnswer {
    text(status, value.to_string())
}

fn text(status: u16, body: String) -> ApiAnswer {
    let body = Full::new(Bytes::from(body));
    Response::builder()
        .status(status)
        .body(body.map_err(|never| match never {}).boxed_unsync())
        .unwrap()
}
