//! `release`, on what an uninstall in the wrong order leaves: objects that nobody lets go.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt as _, api::DeleteParams};
use recording_callback_operator::{
    api::{FINALIZER, crd::crd},
    cluster::raw::{RawObjects, ReleaseResult},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    GONE, Namespace,
    account::account_in,
    alone, eventually,
    lease::{allow_lease, grant, holder, leads},
    operator::OperatorProcess,
    program, program_as,
    world::{LIMIT, OperatorWorld},
};

/// The shortest that a Lease may hold.
const LEASE: Duration = Duration::from_secs(3);

const NAMES: [&str; 2] = ["push", "other"];

const OTHER: &str = "other.example.com/hold";

/// A world where the operators that are started lead by a Lease.
async fn world() -> OperatorWorld {
    let world = OperatorWorld::new().await;
    allow_lease(&world.namespace).await;
    world
}

fn lease_flags(namespace: &Namespace) -> [String; 3] {
    [
        "--leader-elect=true".to_owned(),
        format!("--lease-namespace={}", namespace.name()),
        format!("--lease-duration={}s", LEASE.as_secs()),
    ]
}

async fn leader(world: &OperatorWorld) -> OperatorProcess {
    let flags = lease_flags(&world.namespace);
    let flags = flags.each_ref().map(String::as_str);
    let operator = world.operator_with(&flags).await;
    leads(&operator).await;
    operator
}

/// Calls `release` in the namespace of a world, by whose Leases alone it is judged.
async fn release(world: &OperatorWorld, args: &[&str]) -> crate::support::KubectlOutput {
    let namespace = world.namespace.name();
    let mut all = vec!["release", "-n", namespace, "--lease-namespace", namespace];
    all.extend(args);
    program(&all).await
}

/// The rows that a call printed as JSON.
fn items(text: &str) -> Vec<Value> {
    let read: Value = serde_json::from_str(text).unwrap();
    read["items"].as_array().unwrap().clone()
}

async fn finalizers(world: &OperatorWorld, name: &str) -> Vec<String> {
    world.get(name).await.unwrap().finalizers().to_vec()
}

#[tokio::test]
async fn a_namespace_that_hangs_goes_and_every_id_is_told() {
    let world = world().await;
    let mut operator = leader(&world).await;
    for name in NAMES {
        world.create(name, json!({})).await;
        world.ready(name).await;
    }
    assert!(operator.terminate().await.success());
    let calls = world.calls();

    let namespaces: Api<v1::Namespace> = Api::all(world.namespace.client());
    let name = world.namespace.name();
    let params = DeleteParams::default();
    namespaces.delete(name, &params).await.unwrap();
    eventually("the namespace hangs", LIMIT, async || {
        let status = namespaces.get(name).await.unwrap().status?;
        let mut conditions = status.conditions.unwrap_or_default().into_iter();
        conditions.find(|condition| {
            condition.type_ == "NamespaceFinalizersRemaining" && condition.status == "True"
        })
    })
    .await;

    let said = release(&world, &["--all"]).await;
    assert!(said.succeeded && said.stderr.is_empty(), "{said:#?}");
    let mut lines = said.stdout.lines();
    let heads: Vec<_> = lines.next().unwrap().split("   ").collect();
    assert!(heads.contains(&"NAMESPACE"), "{heads:?}");
    let rows = world.cloud.rows();
    assert_eq!((lines.count(), rows.len()), (2, 2), "{}", said.stdout);
    for row in rows {
        let line = said.stdout.lines().find(|line| line.contains(&row.id));
        let line = line.unwrap_or_else(|| panic!("{} is not in {}", row.id, said.stdout));
        assert!(
            line.contains(&row.publish_domain) && line.ends_with("Released"),
            "{line}"
        );
    }
    eventually("the namespace is gone", GONE, async || {
        let namespace = namespaces.get_opt(name).await.unwrap();
        namespace.is_none().then_some(())
    })
    .await;
    assert_eq!(world.calls(), calls);
}

#[tokio::test]
async fn beside_an_operator_that_is_alive_nothing_is_let_go() {
    let world = world().await;
    world.create("push", json!({})).await;
    world
        .patch("push", json!({ "metadata": { "finalizers": [FINALIZER] } }))
        .await;

    // In the moment in which the operator takes the Lease, which has been written once.
    let flags = world.flags_with(&lease_flags(&world.namespace).each_ref().map(String::as_str));
    let mut operator = OperatorProcess::spawn(&flags, &[]).await;
    let name = holder(&world.namespace, "recording-callback-operator").await;
    let said = release(&world, &["push"]).await;
    assert!(!said.succeeded && said.stdout.is_empty(), "{said:#?}");
    let place = format!("{}/recording-callback-operator", world.namespace.name());
    for word in [
        &name,
        &place,
        "kubectl scale deployment",
        "--lease-namespace",
    ] {
        assert!(said.stderr.contains(word), "{word} is not in {said:#?}");
    }
    world.ready("push").await;
    assert_eq!(finalizers(&world, "push").await, [FINALIZER]);

    // Once it leads for long, too, and whatever it lets go meanwhile.
    operator.ready().await;
    assert!(!release(&world, &["--all"]).await.succeeded);
    assert_eq!(finalizers(&world, "push").await, [FINALIZER]);

    // A machine that is lost releases nothing: its Lease runs out.
    operator.kill().await;
    world.delete("push").await;
    let begun = Instant::now();
    let said = release(&world, &["push"]).await;
    assert!(begun.elapsed() >= LEASE, "{:?}", begun.elapsed());
    assert!(said.succeeded, "{said:#?}");
    assert!(said.stderr.contains(&name) && said.stderr.contains("waiting up to 3s"));
    assert!(world.get("push").await.is_none());
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn an_operator_is_found_by_the_label_of_its_lease() {
    let world = world().await;
    world.create("push", json!({})).await;
    let [elect, namespace, duration] = lease_flags(&world.namespace);
    let flags = [&elect, &namespace, &duration, "--lease-name=media"];
    let mut operator = world.operator_with(&flags).await;
    world.ready("push").await;

    let said = release(&world, &["push"]).await;
    let lease = format!("{}/media", world.namespace.name());
    assert!(!said.succeeded && said.stderr.contains(&lease), "{said:#?}");
    // Whoever names another Lease, is judged by that.
    let said = release(&world, &["push", "--lease-name", "none"]).await;
    let line = format!(
        "there is no Lease none in the namespace {}",
        world.namespace.name()
    );
    assert!(said.succeeded && said.stderr.contains(&line), "{said:#?}");
    assert!(operator.terminate().await.success());
}

#[tokio::test]
async fn what_is_not_deleted_is_taken_up_again_with_its_callback() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    let status = world.ready("push").await;
    assert!(operator.terminate().await.success());
    let both = json!({ "metadata": { "finalizers": [OTHER, FINALIZER] } });
    world.patch("push", both).await;

    let said = release(&world, &["push", "-o", "json"]).await;
    assert!(said.succeeded, "{said:#?}");
    let [row] = &items(&said.stdout)[..] else {
        panic!("{said:#?}");
    };
    assert_eq!(row["callbackID"], json!(status.callback_id));
    assert_eq!(row["result"], "Released");
    assert!(
        row["notes"][0]
            .as_str()
            .unwrap()
            .contains("takes it up again")
    );
    assert_eq!(finalizers(&world, "push").await, [OTHER]);
    assert_eq!(
        world.get("push").await.unwrap().status,
        Some(status.clone())
    );
    let again = release(&world, &["push", "-o", "yaml"]).await;
    assert!(again.stdout.contains("result: NotHeld"), "{again:#?}");

    let mut operator = world.operator().await;
    eventually("the finalizer is back", LIMIT, async || {
        let finalizers = finalizers(&world, "push").await;
        finalizers
            .iter()
            .any(|name| name == FINALIZER)
            .then_some(())
    })
    .await;
    assert_eq!(world.ready("push").await.callback_id, status.callback_id);
    assert_eq!(world.cloud.mutations().len(), 1, "the create");

    // What others hold stays theirs.
    assert!(operator.terminate().await.success());
    world.delete("push").await;
    let said = release(&world, &["push"]).await;
    assert!(said.succeeded && said.stdout.contains(&format!("still held by {OTHER}")));
    assert_eq!(finalizers(&world, "push").await, [OTHER]);

    // Nor does an operator that starts while they hold it take its callback for one that is to go.
    let _operator = world.operator().await;
    eventually("it is let go", LIMIT, async || {
        let object = world.get("push").await.unwrap();
        object.status?.callback_id.is_none().then_some(())
    })
    .await;
    assert_eq!(world.cloud.rows().len(), 1);
    assert_eq!(world.cloud.mutations().len(), 1, "the create");
}

#[tokio::test]
async fn an_object_that_changes_meanwhile_is_read_again() {
    let world = OperatorWorld::new().await;
    let held = json!({ "metadata": { "finalizers": [FINALIZER], "labels": { "a": "b" } } });
    world.create("push", json!({})).await;
    let objects = RawObjects::new(world.namespace.client());
    let read = async || objects.get(world.namespace.name(), "push").await.unwrap();
    let mut before = read().await.unwrap();
    before.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    let mut same = before.clone();

    world.patch("push", held.clone()).await;
    let released = objects.release(&mut before).await.unwrap();
    assert_eq!(released, ReleaseResult::Released);
    assert_eq!(read().await.unwrap().finalizers(), [""; 0]);

    // Another object of this name is none of the caller's.
    world.delete("push").await;
    assert_eq!(
        objects.release(&mut same).await.unwrap(),
        ReleaseResult::Gone
    );
    world.create("push", json!({})).await;
    world.patch("push", held).await;
    assert_eq!(
        objects.release(&mut same).await.unwrap(),
        ReleaseResult::Gone
    );
    assert_eq!(read().await.unwrap().finalizers(), [FINALIZER]);
}

#[tokio::test]
async fn the_rights_that_it_needs_are_few_and_their_lack_is_told() {
    let world = OperatorWorld::new().await;
    let namespace = &world.namespace;
    for name in NAMES {
        world.create(name, json!({})).await;
        world
            .patch(name, json!({ "metadata": { "finalizers": [FINALIZER] } }))
            .await;
    }
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::write(&kubeconfig, account_in(namespace, "person").await).unwrap();
    let account =
        json!({ "kind": "ServiceAccount", "name": "person", "namespace": namespace.name() });
    let call = async |lease: &[&str]| {
        let mut args = vec!["release", "--all", "-n", namespace.name(), "-o", "json"];
        args.extend(lease);
        program_as(&kubeconfig, &args).await
    };
    let lease = [
        "--lease-namespace",
        namespace.name(),
        "--lease-name",
        "none",
    ];
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!([{ "apiGroups": [group], "resources": [resource], "verbs": verbs }]);
    let callbacks = |verbs: &[&str]| rule("live.huaweicloud.com", "recordingcallbacks", verbs);

    let said = call(&lease).await;
    assert!(
        !said.succeeded
            && said
                .stderr
                .contains("cannot list resource \"recordingcallbacks\"")
    );
    grant(namespace, "list", callbacks(&["list"]), account.clone()).await;
    let said = call(&[]).await;
    assert!(
        !said.succeeded && said.stderr.contains("--lease-name"),
        "{said:#?}"
    );
    let leases = rule("coordination.k8s.io", "leases", &["get"]);
    grant(namespace, "leases", leases, account.clone()).await;
    let said = call(&lease).await;
    assert!(!said.succeeded, "{said:#?}");
    let rows = items(&said.stdout);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["result"], "Failed");
        assert!(
            row["notes"][0].as_str().unwrap().contains("cannot patch"),
            "{row}"
        );
    }
    grant(namespace, "patch", callbacks(&["patch"]), account).await;
    let said = call(&lease).await;
    assert!(
        said.succeeded && items(&said.stdout).len() == 2,
        "{said:#?}"
    );
    assert_eq!(items(&call(&lease).await.stdout), [Value::Null; 0]);
}

#[tokio::test]
async fn a_whole_cluster_is_let_go() {
    alone("release::a_definition_that_hangs_goes").await;
}

#[tokio::test]
#[ignore = "lets all objects of a cluster go, so it needs a control plane of its own"]
async fn a_definition_that_hangs_goes() {
    let worlds = [OperatorWorld::new().await, OperatorWorld::new().await];
    let endpoints: Vec<_> = worlds.iter().map(|world| world.cloud.endpoint()).collect();
    let endpoints = format!("--allowed-endpoints={}", endpoints.join(","));
    // As an installation keeps its Lease: nothing of it has to be told to `release`.
    let flags = [
        endpoints.as_str(),
        "--namespaces=",
        "--leader-elect=true",
        "--lease-namespace=recording-callback-system",
        "--lease-duration=3s",
    ];
    let mut operator = worlds[0].operator_with(&flags).await;
    for (world, name) in worlds.iter().zip(NAMES) {
        world.create(name, json!({})).await;
        world.ready(name).await;
    }
    let everything = ["release", "--all", "-A", "-o", "json"];
    let said = program(&everything).await;
    let lease = "recording-callback-system/recording-callback-operator";
    assert!(!said.succeeded && said.stderr.contains(lease), "{said:#?}");
    operator.kill().await;

    let crds: Api<CustomResourceDefinition> = Api::all(worlds[0].namespace.client());
    let name = crd().name_any();
    crds.delete(&name, &DeleteParams::default()).await.unwrap();
    for (world, name) in worlds.iter().zip(NAMES) {
        eventually("it is being deleted", LIMIT, async || {
            world.get(name).await.unwrap().metadata.deletion_timestamp
        })
        .await;
    }
    let said = program(&everything).await;
    assert!(said.succeeded, "{said:#?}");
    let rows = items(&said.stdout);
    assert_eq!(rows.len(), 2);
    for world in &worlds {
        let id = &world.cloud.rows()[0].id;
        let row = rows.iter().find(|row| row["callbackID"] == json!(id));
        assert_eq!(row.unwrap()["namespace"], world.namespace.name());
    }
    eventually("the CRD is gone", Duration::from_mins(1), async || {
        let crd = crds.get_opt(&name).await.unwrap();
        crd.is_none().then_some(())
    })
    .await;
}
