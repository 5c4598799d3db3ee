//! The program as a person calls it, with a kubeconfig of theirs.

use std::path::Path;

use tokio::process::Command;

use super::{control_plane::kubeconfig, kubectl::KubectlOutput};

/// Calls the program with the rights of an administrator.
pub(crate) async fn program(args: &[&str]) -> KubectlOutput {
    program_as(kubeconfig(), args).await
}

/// Calls the program with this kubeconfig.
pub(crate) async fn program_as(kubeconfig: &Path, args: &[&str]) -> KubectlOutput {
    let output = Command::new(env!("CARGO_BIN_EXE_recording-callback-operator"))
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    KubectlOutput::of(output)
}
