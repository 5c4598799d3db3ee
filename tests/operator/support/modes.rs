//! Scenarios that must go the same in both modes of the chart, with its own account, rules and flags: played in both at once.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;
use live_simulator::SimulatorSettings;

use super::{
    chart::{Chart, Mode},
    world::OperatorWorld,
};

/// Plays a scenario in both modes. The API server may not refuse a single call of the operators.
pub(crate) async fn in_both_modes(scenario: impl AsyncFn(&OperatorWorld)) {
    in_both_modes_with(&SimulatorSettings::default(), scenario).await;
}

/// The same with clouds of these settings.
pub(crate) async fn in_both_modes_with(
    settings: &SimulatorSettings,
    scenario: impl AsyncFn(&OperatorWorld),
) {
    tokio::join!(
        Box::pin(play(Mode::ClusterWide, settings, &scenario)),
        Box::pin(play(Mode::Namespaced, settings, &scenario)),
    );
}

async fn play(mode: Mode, settings: &SimulatorSettings, scenario: &impl AsyncFn(&OperatorWorld)) {
    let mut world = OperatorWorld::with(settings.clone()).await;
    let chart = Chart::rendered(mode, world.namespace.name());
    world.install(&chart).await;
    let played = AssertUnwindSafe(scenario(&world)).catch_unwind().await;
    if let Err(panic) = played {
        eprintln!("--- that was the mode {mode:?}");
        resume_unwind(panic);
    }
    assert_eq!(world.refused(), [], "{mode:?}: rights that are missing");
}
