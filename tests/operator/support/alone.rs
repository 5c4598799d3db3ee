//! Tests that change what all others share: each runs in a process of its own, with a control plane of its own.

use std::{env, path::Path};

use tokio::process::Command;

use super::ControlPlane;

/// Runs a test that is ignored otherwise, named by its path.
pub(crate) async fn alone(test: &str) {
    let control_plane = ControlPlane::start().unwrap();
    alone_with(control_plane.kubeconfig(), test).await;
}

/// The same with the control plane of this kubeconfig, which the test may start itself.
pub(crate) async fn alone_with(kubeconfig: &Path, test: &str) {
    let ended = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("TEST_KUBECONFIG", kubeconfig)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    let ran = output.contains("1 passed");
    assert!(ended.status.success() && ran, "{test}:\n{output}\n{errors}");
}
