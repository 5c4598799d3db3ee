//! What tests on a real control plane share. Nothing here knows what is tested.

pub(crate) mod account;
mod alone;
pub(crate) mod chance;
pub(crate) mod chart;
mod control_plane;
pub(crate) mod kstatus;
mod kubectl;
pub(crate) mod lease;
mod modes;
mod namespace;
pub(crate) mod operator;
mod program;
pub(crate) mod proxy;
pub(crate) mod right;
pub(crate) mod secrets;
pub(crate) mod story;
pub(crate) mod trap;
pub(crate) mod versions;
pub(crate) mod world;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

pub(crate) use alone::{alone, alone_with};
pub(crate) use control_plane::{ControlPlane, client, connect_to, install, kubeconfig};
pub(crate) use kubectl::{KubectlOutput, kubectl, kubectl_with_input};
pub(crate) use modes::{in_both_modes, in_both_modes_with};
pub(crate) use namespace::{GONE, Namespace};
pub(crate) use program::{program, program_as};

/// Tells what was counted, also when all goes well: a test's own output is shown only when it fails. `scripts/counts.sh` collects it.
pub(crate) fn print_line(text: &str) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "counted: {text}").unwrap();
}

/// Asks again and again until there is an answer; panics when there is none within `limit`.
pub(crate) async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
