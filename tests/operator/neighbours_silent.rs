//! Hosts that accept and say nothing, beside others that answer: what is held open for them.

use futures::{StreamExt as _, stream};
use live_simulator::LoggedOperation::{Create, Update};
use serde_json::json;

use crate::listener::{descriptors, limit_descriptors, probes_are_answered};
use crate::neighbours_hostile::{answered, make, make_secret, strange_server};
use crate::support::eventually;
use crate::support::world::{LIMIT, OperatorWorld};

/// One host that is silent, and more accounts there than the operator has descriptors.
#[tokio::test]
async fn accounts_at_a_silent_host_leave_descriptors_for_the_others() {
    const SILENT: usize = 300;
    const DESCRIPTORS: usize = 200;
    let world = OperatorWorld::new().await;
    let host = strange_server(0).await;
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
            make(&world, &name, &json!({}), &spec).await;
        })
        .await;
    answered(&world, "silent-", SILENT).await;
    probes_are_answered(&operator).await;

    world.create("late", json!({})).await;
    world.ready("late").await;
    let url = json!({"spec": {"notifyCallbackURL": "https://hooks.example.com/other"}});
    world.patch("push", url).await;
    eventually("the edit is made", LIMIT, async || {
        (world.count(Update) == 1).then_some(())
    })
    .await;
    probes_are_answered(&operator).await;
    let open = descriptors(&operator, "process_open_fds").await;
    assert!(open < DESCRIPTORS, "{open} descriptors are open");
    assert_eq!(world.count(Create), 2);
}
