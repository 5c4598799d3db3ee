//! The controller: observe, plan, act, record. The only place that uses both `live` and `cluster`.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::Health;
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::lease::Leadership;
use crate::config::RunConfig;
use crate::metrics::Metrics;
use crate::stop::Stop;

/// Works until `stop` is requested; calls in flight are then given time to end.
pub async fn run(
    _config: RunConfig,
    client: kube::Client,
    health: Arc<Health>,
    _metrics: Arc<Metrics>,
    _leadership: Leadership,
    stop: Stop,
) -> anyhow::Result<()> {
    let crd = CrdCheck::new(client);
    let beat = async {
        loop {
            health.beat();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        () = stop.requested() => {}
        () = crd.follow(&health) => {}
        () = beat => {}
    }
    Ok(())
}
