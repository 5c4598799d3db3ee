//! The watches: what they bring, as far as it may give work.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::reflector;
use kube::runtime::{PredicateConfig, WatchStreamExt as _, watcher};
use tracing::{error, info, warn};

use super::context::Context;
use super::notes::Notes;
use super::{Event, Objects};
use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
use crate::cluster::error::one_line;
use crate::config::RunConfig;
use crate::declared::parse;

/// kubectl's copy of what was applied; half of a small object's size, and of no use here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One API per namespace that is served, or one for all.
pub(super) fn apis(
    config: &RunConfig,
    client: &kube::Client,
) -> Vec<Api<DeserializeGuard<RecordingCallback>>> {
    if config.namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    config
        .namespaces
        .iter()
        .map(|namespace| Api::namespaced(client.clone(), namespace))
        .collect()
}

/// The objects of one API: a store of them, and a stream of those that may need work.
pub(super) fn watch(
    api: Api<DeserializeGuard<RecordingCallback>>,
    config: &RunConfig,
    context: &Arc<Context>,
) -> (
    Objects,
    BoxStream<'static, watcher::Result<RecordingCallback>>,
) {
    let watched = match &config.label_selector {
        Some(selector) => watcher::Config::default().labels(selector),
        None => watcher::Config::default(),
    };
    let (store, writer) = reflector::store();
    // With a Lease of its own, and all that its namespaces hold, nobody else lets an object go.
    let alone = config.leader_elect && config.label_selector.is_none();
    let mut notes = Notes::new(Arc::clone(context), alone.then(|| store.clone()));
    let waking = Arc::clone(context);
    let mut is_failing = false;
    let stream = watcher(api, watched)
        .default_backoff()
        .inspect(move |event| tell(event, &mut is_failing))
        .try_filter_map(|event| ready(Ok(readable(event))))
        .modify(strip)
        .inspect_ok(move |event| notes.take(event))
        .reflect(writer)
        .applied_objects()
        .predicate_filter(what_matters, PredicateConfig::default())
        .inspect_ok(move |object| waking.memories.wake(&parse::uid(object)));
    (store, stream.boxed())
}

/// Tells once that a watch fails, and once that it brings something again. The watcher itself tries again, more and more slowly.
fn tell<K>(event: &watcher::Result<watcher::Event<K>>, is_failing: &mut bool) {
    let failed_before = std::mem::replace(is_failing, event.is_err());
    match event {
        Err(error) if !failed_before => {
            let error = one_line(&error.to_string());
            warn!(
                error,
                "the objects can't be watched; tried again until they can"
            );
        }
        Ok(_) if failed_before => info!("the objects are watched again"),
        Ok(_) | Err(_) => {}
    }
}

/// An event of an object that can be read. One that can't is told and left alone: it must not stop the others.
fn readable(event: watcher::Event<DeserializeGuard<RecordingCallback>>) -> Option<Event> {
    let read = |guard: DeserializeGuard<RecordingCallback>| match guard.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            error!(
                object = invalid.metadata.name.unwrap_or_default(),
                namespace = invalid.metadata.namespace.unwrap_or_default(),
                "the object can't be read and is left alone: {}",
                invalid.error
            );
            None
        }
    };
    match event {
        watcher::Event::Apply(guard) => read(guard).map(Event::Apply),
        watcher::Event::Delete(guard) => read(guard).map(Event::Delete),
        watcher::Event::InitApply(guard) => read(guard).map(Event::InitApply),
        watcher::Event::Init => Some(Event::Init),
        watcher::Event::InitDone => Some(Event::InitDone),
    }
}

/// Drops what nobody here reads: it is most of an object's memory.
fn strip(object: &mut RecordingCallback) {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// A hash of all that may give work: our own writes to the status do not.
#[allow(clippy::unnecessary_wraps, reason = "the filter takes it so")]
fn what_matters(object: &RecordingCallback) -> Option<u64> {
    let annotations = object.metadata.annotations.as_ref();
    let mut hasher = DefaultHasher::new();
    object.metadata.generation.hash(&mut hasher);
    object.metadata.finalizers.hash(&mut hasher);
    object
        .metadata
        .deletion_timestamp
        .is_some()
        .hash(&mut hasher);
    annotations
        .and_then(|all| all.get(RECONCILE_REQUESTED_AT))
        .hash(&mut hasher);
    annotations
        .is_some_and(|all| all.contains_key(PENDING_OPERATION))
        .hash(&mut hasher);
    Some(hasher.finish())
}
