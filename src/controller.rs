//! The controller: observe, plan, act, record. The only place that uses both `live` and `cluster`.
//!
//! This file wires the streams: what is watched, what wakes a reconcile, and what runs beside.

mod access;
mod account;
mod allowance;
mod change;
mod context;
mod create;
mod deleted;
#[cfg(test)]
mod fuzz;
mod gauges;
mod identifier;
mod leftover;
mod memory;
mod notes;
mod places;
mod poll;
mod reconcile;
mod record;
mod run;
mod secrets;
mod sweep;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, ready};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{Controller, PredicateConfig, WatchStreamExt as _, watcher};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::admin::{Check, Health};
use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::error::one_line;
use crate::cluster::lease::Leadership;
use crate::config::RunConfig;
use crate::declared::parse;
use crate::metrics::Metrics;
use crate::stop::Stop;
use context::Context;
use notes::Notes;

/// kubectl's copy of what was applied; half of a small object's size, and of no use here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// How often the process shows that its loop turns.
const BEAT: Duration = Duration::from_secs(5);

type Objects = Store<RecordingCallback>;
type Event = watcher::Event<RecordingCallback>;

/// Works until `stop` is requested; calls in flight are then given time to end.
pub async fn run(
    config: RunConfig,
    client: kube::Client,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    leadership: Leadership,
    stop: Stop,
) -> anyhow::Result<()> {
    let crd = CrdCheck::new(client.clone());
    let beside = async {
        tokio::join!(beat(&health), crd.follow(&health));
    };
    let may_lead = async {
        crd.served().await;
        leadership.acquired().await;
    };
    let work = async {
        tokio::select! {
            () = may_lead => {}
            () = stop.requested() => return Ok(()),
        }
        info!("leading");
        lead(
            &config,
            client,
            &health,
            metrics,
            leadership.clone(),
            stop.clone(),
            crd.clone(),
        )
        .await
    };
    tokio::select! {
        result = work => result,
        () = beside => Ok(()),
    }
}

/// Shows that the process's own loop turns.
async fn beat(health: &Health) {
    loop {
        health.beat();
        tokio::time::sleep(BEAT).await;
    }
}

/// Serves the objects, as the only one that does.
async fn lead(
    config: &RunConfig,
    client: kube::Client,
    health: &Arc<Health>,
    metrics: Arc<Metrics>,
    leadership: Leadership,
    stop: Stop,
    crd: CrdCheck,
) -> anyhow::Result<()> {
    let (triggers, triggered) = mpsc::unbounded_channel();
    let (leftovers, left) = mpsc::unbounded_channel();
    let (listed, is_listed) = watch::channel(false);
    let context = Arc::new(Context::new(
        config,
        &client,
        metrics,
        leadership,
        stop.clone(),
        context::Senders {
            triggers,
            leftovers,
        },
        context::Gates { is_listed, crd },
    )?);
    let watches: Vec<_> = apis(config, &client)
        .into_iter()
        .map(|api| watch(api, config, &context))
        .collect();
    let stores: Vec<Objects> = watches.iter().map(|(store, _)| store.clone()).collect();
    context.store_in(&stores);
    let mut inboxes = distribute(triggered, config);
    let controllers = join_all(watches.into_iter().map(|(store, stream)| {
        let inbox = inboxes
            .pop()
            .unwrap_or_else(|| futures::stream::pending().boxed());
        let (context, stop) = (Arc::clone(&context), stop.clone());
        Controller::for_stream(stream, store)
            .reconcile_on(inbox)
            .graceful_shutdown_on(async move { stop.requested().await })
            .run(reconcile::reconcile, reconcile::error_policy, context)
            .for_each(|_| ready(()))
    }));
    let all_listed = async {
        for store in &stores {
            let _ = store.wait_until_ready().await;
        }
        for store in &stores {
            for object in Box::pin(context.accesses.recall(&store.state())).await {
                poll::nudge(&context, &object);
            }
        }
        health.set(Check::FirstList, Ok(()));
        listed.send_replace(true);
        info!("all objects are listed");
        std::future::pending::<()>().await;
    };
    let beside = async {
        tokio::join!(
            all_listed,
            poll::run(&context, &stores),
            sweep::run(&context, &stores, config.resync_interval),
            gauges::run(&context, &stores),
            leftover::run(&context, left),
        );
    };
    tokio::select! {
        _ = controllers => {}
        () = beside => {}
    }
    Ok(())
}

/// One API per namespace that is served, or one for all.
fn apis(
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
fn watch(
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

/// Gives each controller the triggers of the objects that it serves.
fn distribute(
    mut triggers: mpsc::UnboundedReceiver<ObjectRef<RecordingCallback>>,
    config: &RunConfig,
) -> Vec<BoxStream<'static, ObjectRef<RecordingCallback>>> {
    if config.namespaces.len() < 2 {
        return vec![futures::stream::poll_fn(move |cx| triggers.poll_recv(cx)).boxed()];
    }
    let (senders, inboxes): (Vec<_>, Vec<_>) = config
        .namespaces
        .iter()
        .rev()
        .map(|namespace| {
            let (sender, mut inbox) = mpsc::unbounded_channel();
            let inbox = futures::stream::poll_fn(move |cx| inbox.poll_recv(cx)).boxed();
            ((namespace.clone(), sender), inbox)
        })
        .unzip();
    tokio::spawn(async move {
        while let Some(object) = triggers.recv().await {
            let sender = senders
                .iter()
                .find(|(namespace, _)| object.namespace.as_ref() == Some(namespace));
            if let Some((_, sender)) = sender {
                let _ = sender.send(object);
            }
        }
    });
    inboxes
}
