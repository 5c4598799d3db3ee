//! The watches, one for each namespace that is served, each with a life of its own: one that is missing, forbidden or silent holds up
//! neither the start nor the others. What they bring may wake an object; nothing of it is decided here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{join_all, ready};
use futures::stream::BoxStream;
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{error, info, warn};

use super::ObjectEvent;
use super::context::{Context, Listed};
use super::runner::Wake;
use super::store::ObjectStore;
use crate::admin::{Health, WatchTrouble};
use crate::cluster::error::one_line;
use crate::cluster::stored::StoredObject;
use crate::cluster::watch::{Missed, StoredEvent, Watched, is_refusal, was_brought};
use crate::config::RunConfig;
use crate::controller::index_updater::IndexUpdater;

/// Who owns a place can't be told before all objects are known; but a first list that takes longer holds up nobody.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the start waits for the Secrets that refusals are recalled from.
const RECALL_PATIENCE: Duration = Duration::from_secs(1);
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

/// Objects that may need work.
pub(super) type WorkStream = BoxStream<'static, Wake>;

impl NamespaceWatch {
    /// One for each namespace that is served, or one for all.
    pub(super) fn all(config: &RunConfig, client: &kube::Client) -> Vec<Arc<Self>> {
        let all = [String::new()];
        let namespaces = if config.namespaces.is_empty() {
            &all[..]
        } else {
            &config.namespaces
        };
        let selector = config.label_selector.as_deref();
        let each = namespaces.iter().map(|namespace| {
            Arc::new(Self {
                watched: Watched::new(client.clone(), namespace, selector),
                store: ObjectStore::default(),
                knows: watch::Sender::new(Knowledge::Nothing),
            })
        });
        each.collect()
    }

    /// What the watch brings, as far as it may give work.
    pub(super) fn work(
        self: &Arc<Self>,
        context: &Arc<Context>,
        health: &Arc<Health>,
        is_only_operator: bool,
    ) -> WorkStream {
        let store = self.store.clone();
        let updater = IndexUpdater::new(Arc::clone(context), store.clone(), is_only_operator);
        let (waking, reporting) = (Arc::clone(context), Arc::clone(self));
        let (health, epoch) = (Arc::clone(health), self.watched.epoch());
        let take_in = move |event: ObjectEvent| {
            updater.apply(&event);
            let news = store.apply(&event, epoch.load(Ordering::Relaxed))?;
            waking.memories.wake(&news.uid);
            Some(Wake {
                name: (*news.name).into(),
                why: "object updated",
            })
        };
        self.watched
            .events()
            .inspect(move |event| reporting.report_health(event, &health))
            // What failed is told.
            .filter_map(|event| ready(event.ok().and_then(readable)))
            .filter_map(move |event| ready(take_in(event)))
            .boxed()
    }

    /// Tells the probes what an event says of the watch.
    fn report_health<K>(&self, event: &watcher::Result<watcher::Event<K>>, health: &Health) {
        let namespace = self.watched.namespace();
        match event {
            Ok(watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => health.listed(namespace),
            Ok(_) => health.watch_brings(namespace),
            Err(error) => {
                let is_refusal = is_refusal(error);
                let text = one_line(&error.to_string());
                let trouble = WatchTrouble {
                    text,
                    is_refusal,
                    was_brought: was_brought(error),
                };
                health.watch_fails(namespace, trouble);
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
        self.store.listed().await;
        let objects = self.store.all();
        let mut recall = Box::pin(context.accounts.recall_refusals(&objects));
        let recalled = timeout(RECALL_PATIENCE, &mut recall).await;
        self.knows.send_replace(Knowledge::Objects);
        // Those that are late hold up nobody, and count when they come.
        if recalled.is_err() {
            recall.await;
        }
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
        let report = |Missed { objects, went_back }| {
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
        self.watched.compare(report).await;
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
        let report = |exists| health.namespace_exists(namespace, exists);
        watch.watched.look_for_namespace(report)
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
        context.metrics.set_leader_stuck(health.is_stuck());
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
