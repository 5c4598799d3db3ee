//! The program as a person calls it, with a kubeconfig of theirs.

use std::{path::Path, process::Output};

use tokio::process::Command;

use super::{control_plane::kubeconfig, kubectl::Said};

/// Calls the program with the rights of an administrator.
pub(crate) async fn program(args: &[&str]) -> Said {
    program_as(kubeconfig(), args).await
}

/// Calls the program with this kubeconfig.
pub(crate) async fn program_as(kubeconfig: &Path, args: &[&str]) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_recording-callback-operator"))
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(status.code().is_some_and(|code| code < 2), "{status}");
    Said {
        succeeded: status.success(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
