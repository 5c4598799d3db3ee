//! The control plane: started once for the whole binary, or the one that `TEST_KUBECONFIG` names.
//!
//! It ends with this process, however that ends: it stops when the pipe at its stdin closes.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{Patch, PatchParams},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use recording_callback_operator::api::crd::crd;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::eventually;

/// A client for the control plane, with the CRD installed. It belongs to the runtime, and so to the test, that asks.
pub(crate) async fn client() -> Client {
    static CRD: OnceCell<()> = OnceCell::const_new();
    let client = connect().await;
    CRD.get_or_init(|| install(client.clone(), crd())).await;
    client
}

/// The kubeconfig of the control plane, with all rights.
pub(crate) fn kubeconfig() -> &'static Path {
    static CONTROL_PLANE: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    match CONTROL_PLANE.get_or_init(ControlPlane::find_or_start) {
        Ok(control_plane) => &control_plane.kubeconfig,
        Err(error) => panic!("{error}"),
    }
}

/// The binary that is the control plane and kubectl.
pub(crate) fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("build/bin/kube");
    env::var_os("KUBE_BIN").map_or_else(built, PathBuf::from)
}

/// Applies a CRD and waits until its objects are served, and found by kubectl.
pub(crate) async fn install(client: Client, crd: CustomResourceDefinition) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("test").force();
    crds.patch(&crd.name_any(), &params, &Patch::Apply(&crd))
        .await
        .unwrap();
    let version = format!("{}/{}", crd.spec.group, crd.spec.versions[0].name);
    eventually(
        "the resource is served",
        Duration::from_secs(30),
        async || client.list_api_group_resources(&version).await.ok(),
    )
    .await;
}

/// A client for the control plane that has no rights of its own.
pub(crate) async fn without_credentials() -> Client {
    let mut config = config(kubeconfig()).await;
    config.auth_info = AuthInfo::default();
    Client::try_from(config).unwrap()
}

async fn connect() -> Client {
    connect_to(kubeconfig()).await
}

/// A client for the cluster of a kubeconfig.
pub(crate) async fn connect_to(kubeconfig: &Path) -> Client {
    Client::try_from(config(kubeconfig).await).unwrap()
}

async fn config(kubeconfig: &Path) -> Config {
    // Fails when another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    config.default_retry = false;
    config.proxy_url = None; // the environment's proxy is not for a control plane on this machine
    config
}

/// A running control plane. One that was started here ends when this value goes, since the pipe at its stdin closes then.
pub(crate) struct ControlPlane {
    kubeconfig: PathBuf,
    /// Holds the pipe at its stdin open.
    process: Option<Child>,
}

#[derive(Deserialize)]
struct Announcement {
    kubeconfig: PathBuf,
}

impl ControlPlane {
    fn find_or_start() -> Result<Self, String> {
        match env::var_os("TEST_KUBECONFIG") {
            Some(kubeconfig) => Ok(Self {
                kubeconfig: kubeconfig.into(),
                process: None,
            }),
            None => Self::start(),
        }
    }

    /// The kubeconfig, with all rights.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Starts one of its own, for a test that changes what all others share.
    pub(crate) fn start() -> Result<Self, String> {
        Self::run(&[])
    }

    /// Starts one in a directory, with all objects that one has left there.
    pub(crate) fn start_in(directory: &Path) -> Result<Self, String> {
        Self::run(&["--dir".as_ref(), directory.as_os_str()])
    }

    /// Stops it, and returns when nothing of it runs any more.
    pub(crate) fn stop(mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            process.wait().unwrap();
        }
    }

    fn run(flags: &[&OsStr]) -> Result<Self, String> {
        let binary = binary();
        if !binary.exists() {
            return Err(format!(
                "{} does not exist: run `make build/bin/kube`, or set TEST_KUBECONFIG to a cluster for tests",
                binary.display()
            ));
        }
        let mut process = Command::new(&binary)
            .args(["run", "--stop-on-stdin-eof"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        // The control plane gives up by itself when it does not become ready in time.
        let mut line = String::new();
        let mut stdout = process
            .stdout
            .as_mut()
            .map(BufReader::new)
            .expect("stdout is a pipe");
        stdout
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        let announcement: Announcement = serde_json::from_str(&line)
            .map_err(|_| format!("the control plane did not start; it said: {line:?}"))?;
        Ok(Self {
            kubeconfig: announcement.kubeconfig,
            process: Some(process),
        })
    }
}
