//! The controller: observe, plan, act, record. The only place that uses both `live` and `cluster`.
//!
//! This file wires the streams: what is watched, what wakes a reconcile, and what runs beside.

mod access;
mod account;
mod change;
mod context;
mod create;
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
mod watches;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{join_all, ready};
use futures::stream::BoxStream;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, watcher};
use tokio::sync::{mpsc, watch};
use tracing::info;

use crate::admin::{Check, Health};
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::lease::Leadership;
use crate::config::RunConfig;
use crate::metrics::Metrics;
use crate::stop::Stop;
use context::Context;

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
        let tell = |readiness| health.set(Check::Crd, readiness);
        tokio::join!(beat(&health), crd.follow(tell));
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
    let watches: Vec<_> = watches::apis(config, &client)
        .into_iter()
        .map(|api| watches::watch(api, config, &context))
        .collect();
    let stores: Vec<Objects> = watches.iter().map(|(store, _)| store.clone()).collect();
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
