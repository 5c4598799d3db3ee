//! One who may edit a namespace and means harm, beside others who do not: what it costs them, and the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, ResourceExt as _};
use live_simulator::LoggedOperation::{Create, Update};
use recording_callback_operator::api::{PENDING_OPERATION, RecordingCallback};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::operator::OperatorProcess;
use crate::support::world::{LIMIT, OperatorWorld, condition};
use crate::support::{eventually, print_line};

/// How many objects and Secrets they make, and how many accounts.
const MANY: usize = 150;
const ACCOUNTS: usize = 42;
/// What may come on top of the operator's memory, in KiB.
const MOST_MEMORY: u64 = 30 * 1024;

/// The most memory that a process ever took, in KiB.
fn peak(operator: &OperatorProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", operator.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// The lines of its log that nobody has to ask for.
fn warnings(operator: &OperatorProcess) -> usize {
    let output = operator.output();
    output
        .lines()
        .filter(|line| !line.contains("\"DEBUG\""))
        .count()
}

/// The series on its page: its samples without their values.
async fn series(operator: &OperatorProcess) -> BTreeSet<String> {
    let (_, page) = operator.get("/metrics").await.unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let series = samples.filter_map(|sample| Some(sample.rsplit_once(' ')?.0.to_owned()));
    series.collect()
}

/// Makes a Secret whose values nobody looks for in logs: there are too many.
pub(crate) async fn make_secret(
    world: &OperatorWorld,
    name: &str,
    values: impl IntoIterator<Item = (String, Vec<u8>)>,
) {
    let data: BTreeMap<String, ByteString> = values
        .into_iter()
        .map(|(key, value)| (key, ByteString(value)))
        .collect();
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    let secrets: Api<Secret> = Api::namespaced(world.namespace.client(), world.namespace.name());
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
}

pub(crate) async fn create(world: &OperatorWorld, name: &str, metadata: &Value, spec: &Value) {
    let mut object = json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {"name": name},
        "spec": {"publishDomain": format!("{name}.example.com"), "app": "live", "credentialsSecretRef": {"name": "huaweicloud"}},
    });
    for (part, more) in [("metadata", metadata), ("spec", spec)] {
        for (key, value) in more.as_object().unwrap() {
            object[part][key] = value.clone();
        }
    }
    let object: RecordingCallback = serde_json::from_value(object).unwrap();
    world
        .namespace
        .callbacks()
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
}

/// Objects with all that may be long: annotations, a record, finalizers, a status.
async fn forge(world: &OperatorWorld) {
    let long = "x".repeat(120 * 1024);
    let finalizers: Vec<String> = (0..1000)
        .map(|n| format!("example.com/finalizer-{n}"))
        .collect();
    let operation = json!({"type": "Update", "outcome": "Failed", "errorMessage": &long[..4096]});
    let status =
        json!({"status": {"operations": vec![operation; 40], "requestID": &long[..20_000]}});
    stream::iter(0..MANY)
        .for_each_concurrent(8, async |number| {
            let name = format!("forged-{number}");
            let metadata = json!({
                "annotations": {"example.com/long": long, PENDING_OPERATION: long},
                "finalizers": finalizers,
                "labels": {"app": "forged"},
            });
            create(
                world,
                &name,
                &metadata,
                &json!({"managementPolicy": "Observe"}),
            )
            .await;
            let (params, patch) = (PatchParams::default(), Patch::Merge(&status));
            world
                .namespace
                .callbacks()
                .patch_status(&name, &params, &patch)
                .await
                .unwrap();
        })
        .await;
}

/// Objects that name Secrets of a megabyte, in one value, in many, or in as many as are taken.
async fn heavy_secrets(world: &OperatorWorld) {
    stream::iter(0..MANY)
        .for_each_concurrent(2, async |number| {
            let name = format!("heavy-{number}");
            let values: Vec<(String, Vec<u8>)> = match number % 3 {
                0 => vec![("username".to_owned(), vec![b'u'; 900 * 1024])],
                1 => (0..10_000)
                    .map(|n| (format!("key-{n}"), vec![b'v'; 80]))
                    .collect(),
                _ => {
                    let mut token = vec![b't'; 64 * 1024];
                    token.splice(..4, format!("{number:04}").bytes());
                    let more = (0..8).map(|n| (format!("more-{n}"), vec![b'm'; 90 * 1024]));
                    more.chain([("token".to_owned(), token)]).collect()
                }
            };
            make_secret(world, &name, values).await;
            create(
                world,
                &name,
                &json!({}),
                &json!({"credentialsSecretRef": {"name": name}}),
            )
            .await;
        })
        .await;
}

/// Waits until each of these has an answer.
pub(crate) async fn answered(world: &OperatorWorld, prefix: &str, count: usize) {
    eventually("all have an answer", Duration::from_mins(3), async || {
        let all = world
            .namespace
            .callbacks()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items;
        let has_answer = |object: &&RecordingCallback| {
            let status = object.status.as_ref();
            status.is_some_and(|status| condition(status, "Ready").is_some())
        };
        let ours = all
            .iter()
            .filter(|object| object.name_any().starts_with(prefix));
        (ours.filter(has_answer).count() == count).then_some(())
    })
    .await;
}

/// An operator whose allocator is set as in the Deployment.
async fn deployed(world: &OperatorWorld, flags: &[&str]) -> OperatorProcess {
    let allocator =
        "background_thread:true,dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1,lg_tcache_max:10";
    let environment = [("_RJEM_MALLOC_CONF", allocator)];
    let mut operator = OperatorProcess::spawn(&world.flags_with(flags), &environment).await;
    operator.ready().await;
    operator
}

#[tokio::test]
async fn what_is_written_into_objects_and_secrets_takes_little_memory() {
    let world = OperatorWorld::new().await;
    let flags = ["--requests-per-minute=6000", "--secret-poll-interval=2s"];
    let mut operator = deployed(&world, &flags).await;
    for number in 0..MANY {
        let name = format!("plain-{number}");
        create(
            &world,
            &name,
            &json!({}),
            &json!({"managementPolicy": "Observe"}),
        )
        .await;
    }
    world.create("push", json!({})).await;
    world.ready("push").await;
    answered(&world, "plain-", MANY).await;
    let figure = peak(&operator);

    forge(&world).await;
    answered(&world, "forged-", MANY).await;
    let forged = peak(&operator);
    heavy_secrets(&world).await;
    answered(&world, "heavy-", MANY).await;
    world.create("late", json!({})).await;
    world.ready("late").await;
    let with = peak(&operator);

    // Whoever starts beside all this has to list it.
    operator.kill().await;
    let operator = deployed(&world, &flags).await;
    world.create("later", json!({})).await;
    world.ready("later").await;
    let again = peak(&operator);
    print_line(&format!(
        "{MANY} forged objects and {MANY} Secrets of a megabyte: memory {} MiB, {} MiB beside the objects, {} MiB beside both, {} MiB after a restart",
        figure / 1024,
        forged / 1024,
        with / 1024,
        again / 1024
    ));
    assert!(with <= figure + MOST_MEMORY, "{figure} -> {with} KiB");
    assert!(
        again <= figure + MOST_MEMORY,
        "{figure} -> {again} KiB after a restart"
    );
    assert_eq!(world.count(Create), 3);
}

/// The others are created and edited as if alone.
pub(crate) async fn assert_others_are_served(world: &OperatorWorld) {
    world.create("late", json!({})).await;
    world.ready("late").await;
    let url = json!({"spec": {"notifyCallbackURL": "https://hooks.example.com/other"}});
    world.patch("push", url).await;
    eventually("the edit is made", LIMIT, async || {
        (world.count(Update) == 1).then_some(())
    })
    .await;
}

/// A server that is none of the cloud's: it says nothing, says something else, or says it slowly.
pub(crate) async fn strange_server(manner: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, manner));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, manner: usize) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let head = match manner {
        0 => return std::future::pending().await,
        1 => {
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 24\r\n\r\n<html>welcome</html>    "
        }
        2 => "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        _ => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
    };
    while stream.read(&mut request).await? > 0 {
        stream.write_all(head.as_bytes()).await?;
        if manner > 2 {
            break;
        }
    }
    loop {
        stream.write_all(b" ").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Accounts of which nothing exists: each has a user or key, a region, a project and a host of its own.
async fn make_up_accounts(world: &OperatorWorld, hosts: &[String]) {
    stream::iter(0..ACCOUNTS)
        .for_each_concurrent(8, async |number| {
            let name = format!("wrong-{number}");
            let host = hosts
                .get(number % 7)
                .cloned()
                .unwrap_or_else(|| world.cloud.endpoint());
            let credential = if number % 2 == 0 {
                [
                    ("ak", format!("AKWRONG{number:04}")),
                    ("sk", format!("sk-wrong-{number:040}")),
                ]
                .to_vec()
            } else {
                let (user, domain) = (format!("user-{number}"), format!("company-{number}"));
                [
                    ("username", user),
                    ("password", format!("wrong-{number:08}")),
                    ("domain_name", domain),
                ]
                .to_vec()
            };
            let region = format!("nowhere-{number}");
            let more = [
                ("region", region),
                ("project_id", format!("{number:032}")),
                ("live_endpoint", host.clone()),
                ("iam_endpoint", host),
            ];
            let values = credential.into_iter().chain(more);
            make_secret(
                world,
                &name,
                values.map(|(key, value)| (key.to_owned(), value.into_bytes())),
            )
            .await;
            create(
                world,
                &name,
                &json!({}),
                &json!({"credentialsSecretRef": {"name": name}}),
            )
            .await;
        })
        .await;
}

#[tokio::test]
async fn accounts_that_were_made_up_are_neither_series_nor_a_wait_for_others() {
    let world = OperatorWorld::new().await;
    let mut hosts = vec![
        "http://nowhere.invalid".to_owned(),
        "http://127.0.0.1:1".to_owned(),
    ];
    for manner in 0..4 {
        hosts.push(strange_server(manner).await);
    }
    let allowed = format!(
        "--allowed-endpoints={},{}",
        world.cloud.endpoint(),
        hosts.join(",")
    );
    let flags = [allowed.as_str(), "--resync-interval=3s"];
    let operator = world.operator_with(&flags).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = eventually("the project is swept", LIMIT, async || {
        let series = series(&operator).await;
        let has = |name| series.iter().any(|series| series.contains(name));
        (has("inventory_age_seconds") && has("quota_limit")).then_some(series)
    })
    .await;
    let lines = warnings(&operator);

    make_up_accounts(&world, &hosts).await;
    answered(&world, "wrong-", ACCOUNTS).await;

    assert_others_are_served(&world).await;
    let added: Vec<String> = series(&operator)
        .await
        .difference(&before)
        .cloned()
        .collect();
    let is_of_table = |series: &&String| {
        let known = [
            "api_requests_total{",
            "quota_wait_seconds",
            "api_request_duration",
            "reconcile_",
        ];
        !known.iter().any(|name| series.contains(name))
    };
    let made_up: Vec<&String> = added.iter().filter(is_of_table).collect();
    assert!(made_up.is_empty(), "{made_up:#?}");
    assert!(added.len() < 40, "{added:#?}");
    let lines = warnings(&operator) - lines;
    assert!(lines < ACCOUNTS * 20, "{lines} lines");
    let (_, page) = operator.get("/metrics").await.unwrap();
    let refused = page
        .lines()
        .find(|line| line.starts_with("recording_callback_accounts{state=\"reached\"}"));
    assert_eq!(
        refused,
        Some("recording_callback_accounts{state=\"reached\"} 1")
    );
    assert_eq!(world.count(Create), 2);
}
