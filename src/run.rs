//! The process around the controller: cluster access, health, leadership, and an end in time. Knows nothing of a callback.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::FutureExt as _;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::admin::{self, Check, Health};
use crate::cluster::client::{ClusterAccess, Prompts};
use crate::cluster::lease::{Leadership, LeaseObserver, LeaseSettings, identity};
use crate::cluster::pulse::{Pulse, Sign};
use crate::command::cluster_access;
use crate::config::RunConfig;
use crate::controller;
use crate::metrics::Metrics;
use crate::stop::Stop;

/// How long work in flight may take to end. Together with the release of the Lease less than 10 s.
const DRAIN_LIMIT: Duration = Duration::from_secs(8);

/// So much of the 300 calls a minute that the cloud allows to all its callers leaves room for a burst.
const UNTHROTTLED: u32 = 280;

/// Runs the controller until it is asked to stop or loses its Lease. `error_label` gives the label of an error code in metrics.
pub async fn run(config: RunConfig, error_label: fn(&str) -> &'static str) -> anyhow::Result<()> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let access = cluster_access(&config.cluster)?
        .logged_in(Prompts::Shown)
        .await?;
    let health = Arc::new(Health::new(&config.namespaces));
    let metrics = Arc::new(Metrics::new(error_label, config.read_only));
    let listener = admin::bind(config.listen)?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        server = access.server(),
        listen = listener
            .local_addr()
            .map(|address| address.to_string())
            .unwrap_or_default(),
        read_only = config.read_only,
        "starting"
    );
    if config.requests_per_minute > UNTHROTTLED {
        warn!(
            requests_per_minute = config.requests_per_minute,
            "the cloud allows 300 calls a minute unless it has raised that for the account; with more than {UNTHROTTLED} it throttles"
        );
    }
    let seen = Arc::clone(&health);
    let pulse = Pulse::new(move |namespace, sign| match sign {
        Sign::Head => seen.watch_granted(namespace),
        Sign::Life => seen.watch_seen(namespace),
    });
    let client = access.client_with(&pulse)?;
    let leadership = leadership(&config, access, &client, &health, &metrics)?;

    let serve = admin::serve(listener, Arc::clone(&health), Arc::clone(&metrics));
    let work = controller::run(
        config,
        client,
        health,
        metrics,
        leadership.clone(),
        stop.clone(),
    );
    let result = tokio::select! {
        result = work => result,
        never = serve => match never {},
        () = stop_when_lost(&leadership, &stop) => Ok(()),
        () = overdue(&stop) => {
            warn!("work in flight did not end in time");
            Ok(())
        }
        () = stop.forced() => bail!("ended by a second signal"),
    };
    if leadership.lost().now_or_never().is_some() {
        bail!("ended because the Lease was lost");
    }
    leadership.release().await;
    result
}

/// Without the Lease nothing new may begin; what is in flight may end. Never ends itself.
async fn stop_when_lost(leadership: &Leadership, stop: &Stop) {
    leadership.lost().await;
    stop.request();
    std::future::pending::<()>().await;
}

/// Tells the probes and the metrics how the campaign for the Lease goes.
struct LeaseReporter {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl LeaseObserver for LeaseReporter {
    fn lease(&self, result: Result<(), String>) {
        self.health.set(Check::Lease, result);
    }

    fn waits(&self) {
        self.health.standby(true);
    }

    fn acts(&self, acts: bool) {
        self.metrics.set_leader(acts);
        if acts {
            self.health.standby(false);
        }
    }
}

fn leadership(
    config: &RunConfig,
    access: ClusterAccess,
    client: &kube::Client,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Leadership> {
    if !config.leader_elect {
        health.set(Check::Lease, Ok(()));
        metrics.set_leader(true);
        return Ok(Leadership::always());
    }
    let namespace = config
        .lease_namespace
        .as_deref()
        .unwrap_or(client.default_namespace());
    let settings = LeaseSettings {
        namespace: namespace.to_owned(),
        name: config.lease_name.clone(),
        identity: identity(&config.host_name),
        duration: config.lease_duration,
    };
    let reporter = LeaseReporter {
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
    };
    Ok(Leadership::campaign(
        settings,
        move || access.client(),
        reporter,
    )?)
}

/// Ends when draining has lasted too long.
async fn overdue(stop: &Stop) {
    stop.requested().await;
    sleep(DRAIN_LIMIT).await;
}
