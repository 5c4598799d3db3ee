//! Hosts that accept and say nothing, beside others that answer: what is held open for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt as _, stream};
use live_simulator::LoggedOperation::Create;
use serde_json::json;
use tokio::net::TcpListener;

use crate::listener::{descriptors, limit_descriptors, probes_are_answered};
use crate::neighbours_hostile::{answered, assert_others_are_served, create, make_secret};
use crate::support::world::OperatorWorld;

/// One host that is silent, and more accounts there than the operator has descriptors.
#[tokio::test]
async fn accounts_at_a_silent_host_leave_descriptors_for_the_others() {
    const SILENT: usize = 300;
    const DESCRIPTORS: usize = 200;
    let world = OperatorWorld::new().await;
    let (host, held) = silent_host().await;
    let allowed = format!("--allowed-endpoints={},{host}", world.cloud.endpoint());
    let flags = [
        allowed.as_str(),
        "--request-timeout=20s",
        "--settle-time=25s",
    ];
    let operator = world.operator_with(&flags).await;
    limit_descriptors(operator.process(), &DESCRIPTORS.to_string()).await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    stream::iter(0..SILENT)
        .for_each_concurrent(8, async |number| {
            let name = format!("silent-{number}");
            let values = [
                ("ak", format!("AKSILENT{number:04}")),
                ("sk", format!("sk-silent-{number:040}")),
                ("region", "cn-north-4".to_owned()),
                ("project_id", format!("{number:032}")),
                ("live_endpoint", host.clone()),
            ];
            let values = values.map(|(key, value)| (key.to_owned(), value.into_bytes()));
            make_secret(&world, &name, values).await;
            let spec = json!({"credentialsSecretRef": {"name": name}});
            create(&world, &name, &json!({}), &spec).await;
        })
        .await;
    answered(&world, "silent-", SILENT).await;
    probes_are_answered(&operator).await;

    assert_others_are_served(&world).await;
    probes_are_answered(&operator).await;
    let open = descriptors(&operator, "process_open_fds").await;
    assert!(open < DESCRIPTORS, "{open} descriptors are open");
    let most = held.most.load(Ordering::SeqCst);
    // Those that have just ended are still counted for a moment.
    assert!((100..150).contains(&most), "{most} calls at once");
    assert_eq!(world.count(Create), 2);
}

/// How many connections are held open, and how many there were at most.
#[derive(Default)]
struct HeldConnections {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// A host that accepts and never says a word.
async fn silent_host() -> (String, Arc<HeldConnections>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let held = Arc::<HeldConnections>::default();
    let counted = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let held = Arc::clone(&counted);
            tokio::spawn(async move {
                let now = held.now.fetch_add(1, Ordering::SeqCst) + 1;
                held.most.fetch_max(now, Ordering::SeqCst);
                let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
                held.now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (host, held)
}
