//! Where calls may go, and what becomes of an object whose credentials name another place.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use live_simulator::{Listen, LoggedOperation, ScriptedFault, ScriptedPayload, Simulator};
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::support::world::{AK, OperatorWorld, PROJECT, SK, condition};

use LoggedOperation::List;

/// A listener that nobody may call; it counts who does.
struct TargetTrap {
    address: SocketAddr,
    visitors: Arc<AtomicUsize>,
}

impl TargetTrap {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let visitors = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visitors);
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = visitor.read(&mut request).await;
            }
        });
        Self { address, visitors }
    }

    fn visitors(&self) -> usize {
        self.visitors.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_allowed_is_never_called() {
    let world = OperatorWorld::new().await;
    let trap = TargetTrap::new().await;
    let (port, trapped) = (world.cloud.address().port(), trap.address);
    let allowed = format!("127.0.0.1:{port}");
    let endpoints = [
        format!("http://{trapped}"),
        format!("https://{allowed}"),
        format!("http://2130706433:{port}"),
        format!("http://0x7f000001:{port}"),
        format!("http://127.1:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://localhost:{port}"),
        format!("http://user:password-test@{allowed}"),
        format!("http://{allowed}@{trapped}"),
        format!("http://{trapped}#{allowed}"),
        format!("http://{allowed}#@{trapped}"),
        format!("http://{allowed}?@{trapped}"),
        format!("http://{allowed}/path"),
        format!("http://{allowed}\\@{trapped}"),
        format!("http://{trapped}%23@{allowed}"),
        format!("ftp://{allowed}"),
        "http://169.254.169.254".to_owned(),
        "https://kubernetes.default.svc".to_owned(),
        "https://live.cn-north-4.myhuaweicloud.com.example.com".to_owned(),
        "https://live.cn-north-4.myhuaweicloud.com:8443".to_owned(),
        "https://live.a.b.myhuaweicloud.com".to_owned(),
    ];
    let usual = "live.*.myhuaweicloud.com,iam.*.myhuaweicloud.com";
    let flag = format!("--allowed-endpoints=http://{allowed},{usual}");
    let operator = world.operator_with(&[&flag]).await;
    for (number, endpoint) in endpoints.iter().enumerate() {
        let mut values = world.credentials();
        values[4].1.clone_from(endpoint);
        let name = format!("push-{number}");
        world.put_secret(&name, &values).await;
        world
            .create(&name, json!({ "credentialsSecretRef": { "name": name } }))
            .await;
    }
    for (number, endpoint) in endpoints.iter().enumerate() {
        let status = world
            .reason(&format!("push-{number}"), "EndpointNotAllowed")
            .await;
        assert!(condition(&status, "Stalled").is_some(), "{endpoint}");
        let text = serde_json::to_string(&status).unwrap();
        assert!(!text.contains("password-test"), "{text}");
    }
    assert_eq!((world.calls(), trap.visitors()), (vec![], 0));
    assert!(!operator.output().contains("password-test"));
}

#[tokio::test]
async fn a_region_smuggles_no_host() {
    let world = OperatorWorld::new().await;
    let trap = TargetTrap::new().await;
    let regions = [
        format!("{}/", trap.address),
        format!("x@{}#", trap.address),
        "cn-north-4.example.com".to_owned(),
        "-cn".to_owned(),
        "..".to_owned(),
    ];
    let operator = world
        .operator_with(&["--allowed-endpoints=live.*.myhuaweicloud.com"])
        .await;
    for (number, region) in regions.iter().enumerate() {
        let name = format!("push-{number}");
        let values = [
            ("ak", AK.to_owned()),
            ("sk", SK.to_owned()),
            ("project_id", PROJECT.to_owned()),
            ("region", region.clone()),
        ];
        world.put_secret(&name, &values).await;
        world
            .create(&name, json!({ "credentialsSecretRef": { "name": name } }))
            .await;
    }
    for (number, region) in regions.iter().enumerate() {
        let what = "it is refused for its region";
        let name = format!("push-{number}");
        world
            .status(&name, what, |status| {
                condition(status, "Ready").is_some_and(|ready| {
                    ["CredentialsMissing", "EndpointNotAllowed"].contains(&ready.reason.as_str())
                        && ready.message.contains("region")
                })
            })
            .await;
        assert!(!operator.output().contains("\"call\""), "{region}");
    }
    assert_eq!(trap.visitors(), 0);
}

#[tokio::test]
async fn iam_is_held_to_the_list_where_it_is_needed() {
    let world = OperatorWorld::new().await;
    let trap = TargetTrap::new().await;
    let mut values = world.credentials();
    values.push(("iam_endpoint", format!("http://{}", trap.address)));
    world.put_secret("huaweicloud", &values).await;
    let user = [
        ("username", "operator".to_owned()),
        ("password", "password-test".to_owned()),
        ("domain_name", "test-domain".to_owned()),
        ("project_id", PROJECT.to_owned()),
        ("region", "cn-north-4".to_owned()),
        ("live_endpoint", world.cloud.endpoint()),
        ("iam_endpoint", format!("http://{}", trap.address)),
    ];
    world.put_secret("user", &user).await;
    values.retain(|(key, _)| *key != "project_id");
    world.put_secret("look-up", &values).await;
    let _operator = world.operator().await;
    for (name, secret) in [
        ("push", "huaweicloud"),
        ("by-user", "user"),
        ("looks-up", "look-up"),
    ] {
        world
            .create(name, json!({ "credentialsSecretRef": { "name": secret } }))
            .await;
    }
    world.reason("by-user", "EndpointNotAllowed").await;
    world.reason("looks-up", "EndpointNotAllowed").await;
    world.ready("push").await;
    assert_eq!(trap.visitors(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = OperatorWorld::new().await;
    let trap = TargetTrap::new().await;
    let elsewhere = format!("http://{}/v1/", trap.address);
    let moved = ScriptedFault::on(List)
        .always()
        .reply(307, ScriptedPayload::default());
    world.cloud.fault(moved.header("location", &elsewhere));
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "RequestRejected").await;
    world.cloud.clear_faults();
    world.ready("push").await;
    assert_eq!(trap.visitors(), 0);
}

#[tokio::test]
async fn another_project_or_region_is_not_followed() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;

    for (key, other) in [(2, "fedcba9876543210fedcba9876543210"), (3, "cn-east-3")] {
        let before = world.calls().len();
        let mut values = world.credentials();
        values[key].1 = other.to_owned();
        world.put_secret("huaweicloud", &values).await;
        let status = world.reason("push", "TargetChanged").await;
        let message = &condition(&status, "Ready").unwrap().message;
        assert!(
            message.contains(other) && message.contains(PROJECT),
            "{message}"
        );
        assert!(condition(&status, "Stalled").is_some());
        let url = format!("https://hooks.example.com/{other}");
        world
            .patch("push", json!({ "spec": { "notifyCallbackURL": url } }))
            .await;
        let generation = world.get("push").await.unwrap().metadata.generation;
        world
            .status("push", "the edit is seen", |status| {
                status.observed_generation == generation
            })
            .await;
        assert_eq!(world.calls().len(), before, "{:?}", world.calls());

        world.put_secret("huaweicloud", &world.credentials()).await;
        assert_eq!(world.ready("push").await.callback_id, id);
        assert_eq!(world.cloud.rows()[0].notify_callback_url, Some(url));
    }
    assert_eq!(world.cloud.mutations().len(), 3, "the create and two edits");
}

#[tokio::test]
async fn another_address_of_the_same_project_is_followed_once_the_id_is_found_there() {
    let world = OperatorWorld::new().await;
    let second = Simulator::serve(world.cloud.cloud(), &Listen::default()).unwrap();
    let stranger = Simulator::start(live_simulator::SimulatorSettings::default()).unwrap();
    stranger.add_credential(live_simulator::KnownCredential::new(AK, SK, PROJECT));
    let flag = format!(
        "--allowed-endpoints={},{},{}",
        world.cloud.endpoint(),
        second.endpoint(),
        stranger.endpoint()
    );
    let _operator = world.operator_with(&[&flag]).await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;

    let mut values = world.credentials();
    values[4].1 = stranger.endpoint();
    world.put_secret("huaweicloud", &values).await;
    world.reason("push", "TargetChanged").await;
    assert!(stranger.rows().is_empty());

    values[4].1 = second.endpoint();
    world.put_secret("huaweicloud", &values).await;
    let followed = world
        .status("push", "the address is followed", |status| {
            status
                .target
                .as_ref()
                .is_some_and(|target| target.endpoint == second.endpoint())
                && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
        })
        .await;
    assert_eq!(followed.callback_id, id);
    assert_eq!(world.cloud.mutations().len(), 1, "only the create");
}
