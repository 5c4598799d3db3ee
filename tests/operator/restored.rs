//! An API server whose storage is restored from a backup while an operator goes on: what it has seen is newer than what there is.

use std::{fs, path::PathBuf, process::Command, sync::Arc, time::Duration};

use kube::ResourceExt as _;
use live_simulator::LoggedOperation;
use recording_callback_operator::api::RecordingCallback;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    ControlPlane, alone_with, eventually, kubeconfig,
    lease::{allow_lease, leads},
    operator::OperatorProcess,
    proxy::ApiProxy,
    world::{LIMIT, OperatorWorld},
};

use LoggedOperation::{Create, Delete, Update};

/// How often watches are compared with lists.
const COMPARED: Duration = Duration::from_mins(10);

/// The objects that the backup has.
const BEFORE: [&str; 3] = ["edited", "deleted", "kept"];

const NEWER: &str = "https://hooks.example.com/newer";

/// Long: nothing is compared before ten minutes are over.
#[tokio::test]
async fn an_api_server_that_goes_back_in_time_is_followed() {
    let directory = TempDir::new().unwrap();
    let test = "restored::the_store_goes_back_under_a_running_operator";
    alone_with(&directory.path().join("kubeconfig"), test).await;
}

/// A control plane, and a copy of what it stored.
struct StoreCopy {
    directory: PathBuf,
    running: Option<ControlPlane>,
}

impl StoreCopy {
    fn start() -> Self {
        let directory = kubeconfig().parent().unwrap().to_owned();
        let running = ControlPlane::start_in(&directory).unwrap();
        Self {
            directory,
            running: Some(running),
        }
    }

    /// Stops it, puts one of these in the place of the other, and starts it again.
    fn copy(&mut self, from: &str, to: &str) {
        self.running.take().unwrap().stop();
        let (from, to) = (self.directory.join(from), self.directory.join(to));
        if to.exists() {
            fs::remove_dir_all(&to).unwrap();
        }
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
        self.running = Some(ControlPlane::start_in(&self.directory).unwrap());
    }

    fn back_up(&mut self) {
        self.copy("etcd", "backup");
    }

    fn restore(&mut self) {
        self.copy("backup", "etcd");
    }
}

fn url(url: &str) -> Value {
    json!({ "spec": { "notifyCallbackURL": url } })
}

fn version(object: &RecordingCallback) -> u64 {
    object.resource_version().unwrap().parse().unwrap()
}

/// The URLs that the cloud holds for an object.
fn held(world: &OperatorWorld, name: &str) -> Vec<String> {
    let domain = format!("{name}.example.com");
    let rows = world.cloud.rows().into_iter();
    let own = rows.filter(|row| row.publish_domain == domain);
    own.filter_map(|row| row.notify_callback_url).collect()
}

#[tokio::test]
#[ignore = "stops and restores the control plane, so it needs one of its own"]
async fn the_store_goes_back_under_a_running_operator() {
    let mut store = StoreCopy::start();
    let mut world = OperatorWorld::new().await;
    allow_lease(&world.namespace).await;
    let mut first = world.operator().await;
    for name in BEFORE {
        world.create(name, json!({})).await;
        world.ready(name).await;
    }
    assert!(first.terminate().await.success());
    store.back_up();
    world.namespace.reconnect().await;

    let proxy = ApiProxy::start(Arc::default()).await;
    let lease = format!("--lease-namespace={}", world.namespace.name());
    // The Lease outlasts the restart.
    let flags = world.flags_with(&[
        "--leader-elect=true",
        &lease,
        "--lease-duration=2m",
        "--resync-interval=20s",
    ]);
    let mut operator = OperatorProcess::start_at(proxy.url(), &flags).await;
    leads(&operator).await;
    world.patch("edited", url(NEWER)).await;
    world.ready("edited").await;
    let newer = world.get("edited").await.unwrap();
    world.delete("deleted").await;
    world.gone("deleted").await;
    world.create("new", json!({})).await;
    world.ready("new").await;

    store.restore();
    world.namespace.reconnect().await;
    proxy.reconnect().await;
    let older = world.get("edited").await.unwrap();
    assert!(version(&older) < version(&newer), "it went back");
    world.patch("kept", url(NEWER)).await;

    // A watch that goes on where it was is silent until the versions have caught up: the comparison notices.
    let record = "https://hooks.example.com/record";
    let restored = [
        ("edited", &[record][..]),
        ("deleted", &[record]),
        ("kept", &[NEWER]),
        // This very process made its callback, and nothing knows of it any more.
        ("new", &[]),
    ];
    let served = async || {
        let mut each = restored.iter();
        each.all(|(name, urls)| held(&world, name) == *urls)
            .then_some(())
    };
    eventually("what was restored is served", COMPARED + LIMIT, served).await;
    for name in BEFORE {
        world.ready(name).await;
    }
    operator
        .counts("recording_callback_watch_missed_total 4")
        .await;
    let output = operator.output();
    assert!(
        output.contains(r#""objects":4,"went_back":true"#),
        "{output}"
    );
    let changes = [Create, Update, Delete].map(|operation| world.count(operation));
    assert_eq!(changes, [5, 3, 2], "{:?}", world.calls());
    assert!(operator.terminate().await.success(), "it led all the time");
}
