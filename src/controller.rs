//! Wires what leads: the check of the CRD, the Lease, the streams of objects, what wakes a reconcile, and what runs beside; and wakes what
//! goes with the CRD. Starts tasks; writes no object and calls no cloud itself.

mod account;
mod account_registry;
mod allowance;
mod call_waits;
mod clean_up;
mod clean_up_slots;
mod context;
mod create;
mod deleted;
mod externals;
#[cfg(test)]
mod fuzz;
mod gather;
mod gauges;
mod identifier;
mod index_updater;
mod inputs;
mod leftover;
mod memory;
mod place_locks;
mod questions;
mod reach;
mod reconcile;
mod reconciliation;
mod refused_writes;
mod runner;
mod secret_poll;
mod secrets;
mod status_writer;
mod steps;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod triggers;
mod unproven;
mod update_delete;
mod watches;
mod weak_registry;
mod worker_slots;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream;
use kube::runtime::watcher;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use self::externals::Externals;
use crate::admin::{Check, Health};
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::lease::Leadership;
use crate::config::RunConfig;
use crate::metrics::Metrics;
use crate::plan::step::backoff;
use crate::stop::Stop;
use clean_up::Leftovers;
use context::{Context, Listed};
use store::{KeptObject, ObjectStore};
use watches::NamespaceWatch;

/// How often the process shows that its loop turns.
const BEAT: Duration = Duration::from_secs(5);
/// How soon those are woken again that are deleted while the CRD is being deleted, and how late at most: what something keeps from going is
/// asked for ever more slowly.
const UNINSTALLING: (Duration, Duration) = (Duration::from_secs(3), Duration::from_mins(10));

type ObjectEvent = watcher::Event<RecordingCallback>;

/// Works until `stop` is requested; calls in flight are then given time to end.
pub async fn run(
    config: RunConfig,
    client: kube::Client,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    leadership: Leadership,
    stop: Stop,
) -> anyhow::Result<()> {
    let crd = if config.check_crd {
        CrdCheck::new(client.clone())
    } else {
        warn!(
            "--check-crd is false: an older CRD, which drops fields of the status, is not noticed, nor that the CRD is being deleted; \
             then every callback is deleted with its object"
        );
        CrdCheck::off()
    };
    let beside = async {
        let report = |readiness| health.set(Check::Crd, readiness);
        tokio::join!(beat(&health), crd.follow(report));
    };
    let may_lead = async {
        crd.served().await;
        leadership.acquired().await;
    };
    // Made before it leads: what is wrong with the environment is told by a standby, too.
    let outside = Externals::real(client)?;
    let work = async {
        tokio::select! {
            () = may_lead => {}
            () = stop.requested() => return Ok(()),
        }
        info!("leading");
        lead(
            &config,
            outside,
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
    outside: Externals,
    health: &Arc<Health>,
    metrics: Arc<Metrics>,
    leadership: Leadership,
    stop: Stop,
    crd: CrdCheck,
) -> anyhow::Result<()> {
    let (leftovers, left) = mpsc::unbounded_channel();
    let (list, listed) = watch::channel(Listed::Nothing);
    let context = Arc::new(Context::new(
        config,
        &outside,
        metrics,
        leadership,
        stop.clone(),
        leftovers,
        context::StartConditions { listed, crd },
    ));
    // With a Lease of its own, and all that its namespaces hold, nobody else lets an object go.
    let is_only_operator = config.leader_elect && config.label_selector.is_none();
    let watches = NamespaceWatch::all(config, &outside.kube);
    let stores: Vec<ObjectStore> = watches.iter().map(|watch| watch.store.clone()).collect();
    context.store_in(&stores);
    let woken = context.triggers.wakes(&context.index);
    let controllers = join_all(watches.iter().zip(woken).map(|(watch, woken)| {
        let work = watch.work(&context, health, is_only_operator);
        let reconcile = |object| reconcile::reconcile(object, Arc::clone(&context));
        runner::run(&watch.store, stream::select(work, woken), &stop, reconcile)
    }));
    let beside = async {
        tokio::join!(
            watches::run(&context, health, &watches, &list),
            uninstall(&context, &stores),
            secret_poll::run(&context, &stores),
            sweep::run(&context, &stores, config.resync_interval),
            gauges::run(&context, &stores),
        );
    };
    let (end_of_service, served) = oneshot::channel();
    let serving = async move {
        tokio::select! {
            _ = controllers => {}
            () = beside => {}
        }
        drop(end_of_service);
    };
    tokio::join!(
        serving,
        clean_up::run(&context, Leftovers::new(left), served)
    );
    context.events.flush().await;
    Ok(())
}

/// While the CRD is being deleted every object is let go at once, those that wait while they are deleted, too; never ends. To the
/// others their own deletion comes.
async fn uninstall(context: &Context, stores: &[ObjectStore]) {
    let (first, longest) = UNINSTALLING;
    // How often each was woken, and when it is next.
    let mut woken: HashMap<Box<str>, (u32, Instant)> = HashMap::new();
    loop {
        context.crd.going().await;
        let now = Instant::now();
        let all = stores.iter().flat_map(ObjectStore::all);
        let wake = |object: Arc<KeptObject>| {
            let known = woken.get(&object.uid).copied();
            let (times, due) = known.unwrap_or((0, now));
            if due > now {
                return (object.uid.clone(), (times, due));
            }
            context.memories.wake(&object.uid);
            context.trigger(&object);
            let pause = backoff::doubled(first, times + 1).min(longest);
            (object.uid.clone(), (times + 1, now + pause))
        };
        woken = all.filter(|object| object.is_deleted).map(wake).collect();
        tokio::time::sleep(first).await;
    }
}
