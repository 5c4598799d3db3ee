//! The watches, one for each namespace that is served, each with a life of its own: one that is missing, forbidden or silent holds up
//! neither the start nor the others. What they bring may wake an object; nothing of it is decided here.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{join_all, ready};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::runtime::reflector::{self, ObjectRef, store::Writer};
use kube::runtime::{PredicateConfig, WatchStreamExt as _, watcher};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{error, info, warn};

use super::context::{Context, Listed};
use super::{ObjectEvent, ObjectStore};
use crate::admin::{Health, WatchTrouble};
use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
use crate::cluster::error::one_line;
use crate::cluster::stored::StoredObject;
use crate::cluster::watch::{Missed, StoredEvent, Watched, is_refusal};
use crate::config::RunConfig;
use crate::controller::index_updater::IndexUpdater;
use crate::controller::runner::ObjectRefs;
use crate::declared::parse;

/// Who owns a place can't be told before all objects are known; but a first list that takes longer holds up nobody.
const PATIENCE: Duration = Duration::from_secs(10);
/// A namespace that is refused or silent for so long is taken for one that we are not to see; rights may be granted after the start.
const REFUSED_FOR: Duration = Duration::from_mins(10);
/// How often it is told how the watches stand.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// The watch of one namespace, or of all.
pub(super) struct NamespaceWatch {
    watched: Watched,
    /// The objects that it has brought.
    pub(super) store: ObjectStore,
    knows: watch::Sender<Knowledge>,
}

/// What is known of a namespace since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// Nothing yet.
    Nothing,
    /// The API server refuses to list its objects, since then.
    Refused(Instant),
    /// Its objects, and what an earlier process knew of them. That does not become less.
    Objects,
}

impl NamespaceWatch {
    /// One for each namespace that is served, or one for all, with what writes its store.
    pub(super) fn all(
        config: &RunConfig,
        client: &kube::Client,
    ) -> Vec<(Arc<Self>, Writer<RecordingCallback>)> {
        let all = [String::new()];
        let namespaces = if config.namespaces.is_empty() {
            &all[..]
        } else {
            &config.namespaces
        };
        let selector = config.label_selector.as_deref();
        let each = namespaces.iter().map(|namespace| {
            let (store, writer) = reflector::store();
            let watch = Self {
                watched: Watched::new(client.clone(), namespace, selector),
                store,
                knows: watch::Sender::new(Knowledge::Nothing),
            };
            (Arc::new(watch), writer)
        });
        each.collect()
    }

    /// What the watch brings, as far as it may give work.
    pub(super) fn work(
        self: &Arc<Self>,
        writer: Writer<RecordingCallback>,
        context: &Arc<Context>,
        health: &Arc<Health>,
        is_alone: bool,
    ) -> ObjectRefs {
        let before = is_alone.then(|| self.store.clone());
        let mut notes = IndexUpdater::new(Arc::clone(context), before);
        let (waking, telling) = (Arc::clone(context), Arc::clone(self));
        let (health, epoch) = (Arc::clone(health), self.watched.epoch());
        let matters = move |object: &RecordingCallback| {
            Some(trigger_hash(object, epoch.load(Ordering::Relaxed)))
        };
        self.watched
            .events()
            .inspect(move |event| telling.report_health(event, &health))
            // Told.
            .filter(|event| ready(event.is_ok()))
            .try_filter_map(|event| ready(Ok(readable(event))))
            .inspect_ok(move |event| notes.apply(event))
            .reflect(writer)
            .applied_objects()
            .predicate_filter(matters, PredicateConfig::default())
            .inspect_ok(move |object| waking.memories.wake(&parse::uid(object)))
            .filter_map(|object| ready(object.ok().as_ref().map(ObjectRef::from_obj)))
            .boxed()
    }

    /// Tells the probes what an event says of the watch.
    fn report_health<K>(&self, event: &watcher::Result<watcher::Event<K>>, health: &Health) {
        let namespace = self.watched.namespace();
        match event {
            Ok(watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => health.listed(namespace),
            Ok(_) => health.watch_seen(namespace),
            Err(error) => {
                let is_refusal = is_refusal(error);
                let text = one_line(&error.to_string());
                health.watch_fails(namespace, WatchTrouble { text, is_refusal });
                if is_refusal {
                    self.knows.send_if_modified(|known| {
                        let is_first = *known == Knowledge::Nothing;
                        if is_first {
                            *known = Knowledge::Refused(Instant::now());
                        }
                        is_first
                    });
                }
            }
        }
    }

    /// Waits for the first list, and takes over from the objects what an earlier process knew.
    async fn recall(&self, context: &Context) {
        if self.store.wait_until_ready().await.is_err() {
            return; // the controller has ended
        }
        Box::pin(context.accesses.recall_refusals(&self.store.state())).await;
        self.knows.send_replace(Knowledge::Objects);
    }

    /// Waits until the objects of the namespace are known or refused. The sender lives as long as this value.
    async fn is_answered(&self) -> Knowledge {
        let mut knows = self.knows.subscribe();
        let answered = knows.wait_for(|known| *known != Knowledge::Nothing).await;
        answered.map_or(Knowledge::Nothing, |known| *known)
    }

    /// Waits until the objects of the namespace are known, or it has been refused or silent for so long that none of it is ours to see:
    /// an owner there is as unknown as one that another operator serves.
    async fn is_known(&self) {
        let Ok(Knowledge::Refused(since)) = timeout(REFUSED_FOR, self.is_answered()).await else {
            return;
        };
        let mut changes = self.knows.subscribe();
        let known = changes.wait_for(|known| *known == Knowledge::Objects);
        // An error means that it is refused for long.
        let _ = timeout_at(since + REFUSED_FOR, known).await;
    }

    async fn compare(&self, context: &Context) {
        let namespace = self.watched.namespace();
        let tell = |Missed { objects, went_back }| {
            warn!(
                namespace,
                objects, went_back, "a watch has missed changes; the objects are listed anew"
            );
            context.metrics.watch_missed(objects);
            if went_back {
                context.index.rewind();
                context.memories.rewind();
            }
        };
        self.watched.compare(tell).await;
    }
}

/// Keeps the watches honest, and lets work begin once all objects are known that can be; never ends.
pub(super) async fn run(
    context: &Context,
    health: &Health,
    watches: &[Arc<NamespaceWatch>],
    listed: &watch::Sender<Listed>,
) {
    health.watches_begin();
    let start = async {
        let answered = join_all(watches.iter().map(|watch| watch.is_answered()));
        // Who is late is told by the probes.
        let answered = timeout(PATIENCE, answered).await;
        let is_all = |all: Vec<Knowledge>| all.iter().all(|known| *known == Knowledge::Objects);
        let all = answered.is_ok_and(is_all);
        raise(listed, if all { Listed::All } else { Listed::WhatCanBe });
        info!("all objects are listed that can be");
    };
    let recall = join_all(watches.iter().map(|watch| watch.recall(context)));
    let know = async {
        join_all(watches.iter().map(|watch| watch.is_known())).await;
        raise(listed, Listed::All);
    };
    let compare = join_all(watches.iter().map(|watch| watch.compare(context)));
    let look = join_all(watches.iter().map(|watch| {
        let namespace = watch.watched.namespace();
        let tell = |exists| health.namespace_exists(namespace, exists);
        watch.watched.look_for_namespace(tell)
    }));
    tokio::join!(
        start,
        recall,
        know,
        compare,
        look,
        log_watch_changes(context, health)
    );
}

/// What is known does not become less.
fn raise(listed: &watch::Sender<Listed>, to: Listed) {
    listed.send_if_modified(|listed| {
        let is_more = to > *listed;
        *listed = to.max(*listed);
        is_more
    });
}

/// Tells log and metrics how the watches stand.
async fn log_watch_changes(context: &Context, health: &Health) {
    let mut before = health.watches();
    for watch in &mut before {
        watch.trouble = None;
    }
    loop {
        let now = health.watches();
        for (watch, before) in now.iter().zip(&before) {
            let namespace = &watch.namespace;
            match (&watch.trouble, &before.trouble) {
                (Some(error), None) => warn!(
                    namespace,
                    error, "the objects can't be watched; tried again until they can"
                ),
                (None, Some(_)) => info!(namespace, "the objects are watched again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            if !namespace.is_empty() {
                context.metrics.set_watch_up(namespace, watch.is_up);
            }
        }
        before = now;
        sleep(HEALTH_INTERVAL).await;
    }
}

/// An event of an object that can be read. One that can't is told and left alone: it must not stop the others.
fn readable(event: StoredEvent) -> Option<ObjectEvent> {
    let read = |stored: StoredObject| match stored.0 {
        Ok(object) => Some(object),
        Err(unreadable) => {
            error!(
                object = unreadable.metadata.name.as_deref().unwrap_or_default(),
                namespace = unreadable.metadata.namespace.as_deref().unwrap_or_default(),
                "the object can't be read and is left alone: {unreadable}"
            );
            None
        }
    };
    match event {
        watcher::Event::Apply(stored) => read(stored).map(ObjectEvent::Apply),
        watcher::Event::Delete(stored) => read(stored).map(ObjectEvent::Delete),
        watcher::Event::InitApply(stored) => read(stored).map(ObjectEvent::InitApply),
        watcher::Event::Init => Some(ObjectEvent::Init),
        watcher::Event::InitDone => Some(ObjectEvent::InitDone),
    }
}

/// A hash of all that may give work: our own writes to the status do not. After something was missed everything does.
fn trigger_hash(object: &RecordingCallback, epoch: u64) -> u64 {
    let annotations = object.metadata.annotations.as_ref();
    let mut hasher = DefaultHasher::new();
    epoch.hash(&mut hasher);
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
        .and_then(|all| all.get(PENDING_OPERATION))
        .hash(&mut hasher);
    // A status that somebody wiped.
    let status = object.status.as_ref();
    status.map(|status| &status.callback_id).hash(&mut hasher);
    status
        .is_some_and(|status| status.conditions.is_empty())
        .hash(&mut hasher);
    hasher.finish()
}
