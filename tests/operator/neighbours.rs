//! Nobody waits for another's trouble: what hangs or fails delays only its own.

use live_simulator::{
    KnownCredential, LoggedOperation, ScriptedFault, ScriptedPayload, Simulator, SimulatorSettings,
};
use serde_json::json;

use crate::support::{
    eventually,
    operator::OperatorProcess,
    proxy::{ApiProxy, Harm, HarmedAnswer, HarmedCalls},
    world::{LIMIT, OperatorWorld, PROJECT, SK, condition},
};

use LoggedOperation::{List, ListProjects};

/// How many accounts are in trouble.
const SILENT: usize = 3;

/// Lists of a cloud that were answered, and those that were not.
fn lists(cloud: &Simulator) -> (usize, usize) {
    let calls = cloud.calls().into_iter();
    let lists = calls.filter(|call| [List, ListProjects].contains(&call.operation));
    let (answered, silent): (Vec<_>, Vec<_>) = lists.partition(|call| call.status.is_some());
    (answered.len(), silent.len())
}

/// A cloud with some accounts that are to fall silent, whose project has to be looked up.
async fn silent(world: &OperatorWorld) -> Simulator {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    for number in 0..SILENT {
        let ak = format!("AKTESTSILENT000000{number}");
        cloud.add_credential(KnownCredential::new(&ak, SK, PROJECT));
        let values = [
            ("ak", ak),
            ("sk", SK.to_owned()),
            ("region", "cn-north-4".to_owned()),
            ("live_endpoint", cloud.endpoint()),
            ("iam_endpoint", cloud.iam_endpoint()),
        ];
        world.put_secret(&format!("silent-{number}"), &values).await;
    }
    cloud
}

#[tokio::test]
async fn accounts_whose_cloud_never_answers_hold_up_no_sweep() {
    let world = OperatorWorld::new().await;
    let silent = silent(&world).await;
    let endpoints = [
        world.cloud.endpoint(),
        silent.endpoint(),
        silent.iam_endpoint(),
    ];
    let allowed = format!("--allowed-endpoints={}", endpoints.join(","));
    let flags = [
        allowed.as_str(),
        "--resync-interval=1s",
        "--request-timeout=60s",
        "--settle-time=70s",
    ];
    let mut operator = world.operator_with(&flags).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    for number in 0..SILENT {
        let name = format!("silent-{number}");
        let spec = json!({ "credentialsSecretRef": { "name": name } });
        world.create(&name, spec).await;
        world.ready(&name).await;
    }

    for (hung, operation) in [(SILENT, List), (2 * SILENT, ListProjects)] {
        silent.clear_faults();
        silent.fault(ScriptedFault::on(operation).hang().always());
        if operation == ListProjects {
            // One that knows no account yet.
            operator.kill().await;
            operator = world.operator_with(&flags).await;
        }
        eventually("all others wait", LIMIT, async || {
            (lists(&silent).1 >= hung).then_some(())
        })
        .await;
        let swept = lists(&world.cloud).0;
        eventually("five sweeps", LIMIT, async || {
            (lists(&world.cloud).0 >= swept + 5).then_some(())
        })
        .await;
        assert_eq!(lists(&silent).1, hung, "each waits still");
    }
}

#[tokio::test]
async fn a_secret_whose_read_hangs_holds_up_nobody_even_with_one_worker() {
    let world = OperatorWorld::new().await;
    world.put_secret("other", &world.credentials()).await;
    let proxy = ApiProxy::start(std::sync::Arc::default()).await;
    let flags = world.flags_with(&["--concurrency=1"]);
    let operator = OperatorProcess::start_at(proxy.url(), &flags).await;
    proxy.harm(Harm::to(HarmedCalls::Secret).before(HarmedAnswer::Hang));
    world.create("push", json!({})).await;
    eventually("its Secret is being read", LIMIT, async || {
        (proxy.harmed() == 1).then_some(())
    })
    .await;
    let spec = json!({ "credentialsSecretRef": { "name": "other" } });
    world.create("other", spec).await;
    world.ready("other").await;
    assert!(!operator.output().contains("no answer from the API server"));
    world.ready("push").await;
}

#[tokio::test]
async fn a_value_over_64_kib_is_refused_by_name() {
    let world = OperatorWorld::new().await;
    let long = "x".repeat(64 * 1024 + 1);
    world
        .put_secret("huaweicloud", &world.credentials_with(&long))
        .await;
    world.put_secret("hooks", &[("sign", long)]).await;
    let _operator = world.operator().await;
    let key = json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } });
    world.create("push", key).await;
    let assert_message = |status, words: [&str; 3]| {
        let message = condition(&status, "Ready").unwrap().message.clone();
        let all = words.iter().all(|word| message.contains(word));
        assert!(all, "{message}");
    };
    let status = world.reason("push", "CredentialsMissing").await;
    assert_message(status, ["huaweicloud", "sk", "64 KiB"]);
    world.put_secret("huaweicloud", &world.credentials()).await;
    let status = world.reason("push", "SignKeyInvalid").await;
    assert_message(status, ["hooks", "sign", "64 KiB"]);
    assert_eq!(world.calls(), []);
}

/// What wakes somebody goes by accounts in use, of which one that was made up is none.
#[tokio::test]
async fn accounts_in_use_are_counted_by_how_they_are_reached() {
    let world = OperatorWorld::new().await;
    let silent = silent(&world).await;
    let wrong = world.credentials_with("sk-test-example-wrong");
    world.put_secret("wrong", &wrong).await;
    let endpoints = [
        world.cloud.endpoint(),
        silent.endpoint(),
        silent.iam_endpoint(),
    ];
    let allowed = format!("--allowed-endpoints={}", endpoints.join(","));
    let operator = world
        .operator_with(&[&allowed, "--resync-interval=1s"])
        .await;
    let secrets = ["huaweicloud", "silent-0", "silent-1", "silent-2"];
    for secret in secrets {
        let spec = json!({ "credentialsSecretRef": { "name": secret } });
        world.create(secret, spec).await;
        world.ready(secret).await;
    }
    let spec = json!({ "credentialsSecretRef": { "name": "wrong" } });
    world.create("wrong", spec).await;
    world.reason("wrong", "CredentialsRejected").await;
    let counted = async |state: &str, count: usize| {
        let line = format!("recording_callback_accounts{{state=\"{state}\"}} {count}");
        operator.counts(&line).await;
    };
    counted("reached", 1 + SILENT).await;
    counted("refused", 0).await;

    let down = ScriptedFault::on(List).always();
    silent.fault(down.clone().reply(503, ScriptedPayload::default()));
    counted("unreachable", SILENT).await;
    counted("reached", 1).await;

    silent.clear_faults();
    let forbidden = json!({ "error_code": "LIVE.100011013", "error_msg": "forbidden" });
    silent.fault(down.reply(403, ScriptedPayload::Json(forbidden)));
    counted("refused", SILENT).await;
    counted("unreachable", 0).await;
}
