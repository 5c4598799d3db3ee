//! kubectl, as a user calls it.

use std::process::{Output, Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use super::control_plane::{binary, kubeconfig};

/// What a call of kubectl said.
#[derive(Debug)]
pub(crate) struct KubectlOutput {
    pub(crate) succeeded: bool,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl KubectlOutput {
    /// What a process printed that ended by itself.
    pub(crate) fn of(output: Output) -> Self {
        let status = output.status;
        Self {
            succeeded: status.success(),
            code: status.code().unwrap_or_else(|| panic!("{status}")),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed; panics unless it succeeded without a word on stderr, where warnings go.
    pub(crate) fn without_warning(self) -> String {
        assert!(self.succeeded && self.stderr.is_empty(), "{self:#?}");
        self.stdout
    }
}

/// Calls kubectl with the rights of an administrator.
pub(crate) async fn kubectl(args: &[&str]) -> KubectlOutput {
    kubectl_with_input(args, "").await
}

/// Calls kubectl with `input` at its stdin.
pub(crate) async fn kubectl_with_input(args: &[&str], input: &str) -> KubectlOutput {
    let kubeconfig = kubeconfig();
    let mut process = Command::new(binary())
        .arg("kubectl")
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", kubeconfig.with_file_name("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    KubectlOutput::of(process.wait_with_output().await.unwrap())
}
