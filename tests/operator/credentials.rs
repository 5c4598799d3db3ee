//! Every kind of credential against the strict cloud, and what becomes of objects when their Secret changes.

use std::time::Duration;

use live_simulator::{
    KnownCredential, KnownUser, LoggedOperation, Rights, ScriptedFault, ScriptedPayload,
};
use serde_json::json;

use crate::support::{
    eventually,
    world::{AK, LIMIT, OperatorWorld, PROJECT, SK, condition},
};

use LoggedOperation::{Create, IssueToken, List, ListProjects, Update};

const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";
const TOKEN: &str = "MIITESTREADYTOKEN0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "password-test-example-not-a-secret";

/// Values of a Secret with the simulator's addresses.
fn secret(world: &OperatorWorld, values: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let addresses = [
        ("live_endpoint", world.cloud.endpoint()),
        ("iam_endpoint", world.cloud.iam_endpoint()),
        ("region", "cn-north-4".to_owned()),
    ];
    let given = values
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()));
    addresses.into_iter().chain(given).collect()
}

fn user() -> [(&'static str, &'static str); 3] {
    [
        ("username", "operator"),
        ("password", PASSWORD),
        ("domain_name", "test-domain"),
    ]
}

fn message(status: &recording_callback_operator::api::status::Status) -> String {
    condition(status, "Ready").unwrap().message.clone()
}

#[tokio::test]
async fn a_temporary_key_is_sent_with_its_security_token() {
    let world = OperatorWorld::new().await;
    world.cloud.add_credential(
        KnownCredential::new("AKTESTTEMPORARY", SK, PROJECT).security_token("token-t"),
    );
    let mut values = vec![
        ("ak", "AKTESTTEMPORARY"),
        ("sk", SK),
        ("project_id", PROJECT),
    ];
    world
        .put_secret("huaweicloud", &secret(&world, &values))
        .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "CredentialsRejected").await;

    values.push(("security_token", "token-t"));
    world
        .put_secret("huaweicloud", &secret(&world, &values))
        .await;
    world.ready("push").await;
}

#[tokio::test]
async fn a_ready_token_is_shown_as_it_is() {
    let world = OperatorWorld::new().await;
    let rights = Rights::full("somebody", PROJECT);
    world
        .cloud
        .add_token(TOKEN, rights, Duration::from_hours(1));
    let values = [("token", TOKEN), ("project_id", PROJECT)];
    world
        .put_secret("huaweicloud", &secret(&world, &values))
        .await;
    let operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    assert_eq!(world.count(IssueToken), 0, "somebody else made the token");
    assert!(!operator.output().contains(TOKEN));
}

#[tokio::test]
async fn a_user_gets_one_token_for_all_objects_and_a_new_one_when_it_is_refused() {
    let world = OperatorWorld::new().await;
    world
        .cloud
        .add_user(KnownUser::new("test-domain", "operator", PASSWORD, PROJECT));
    let mut values = secret(&world, &user());
    values.push(("project_id", PROJECT.to_owned()));
    world.put_secret("huaweicloud", &values).await;
    let operator = world.operator().await;
    let names = ["one", "two", "three", "four"];
    for name in names {
        world.create(name, json!({})).await;
    }
    for name in names {
        world.ready(name).await;
    }
    assert_eq!(world.count(IssueToken), 1);

    world.cloud.revoke_tokens();
    let before = world.calls().len();
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("one", url).await;
    world.ready("one").await;
    assert_eq!(world.count(IssueToken), 2);
    assert_eq!(
        world.calls()[before..],
        [(Update, Some(401)), (Update, Some(200))]
    );
    assert!(!operator.output().contains(PASSWORD) && !operator.output().contains("MIITEST"));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_tried_until_the_account_is_locked() {
    let world = OperatorWorld::new().await;
    world.cloud.add_user(KnownUser::new(
        "test-domain",
        "operator",
        "another",
        PROJECT,
    ));
    let mut values = secret(&world, &user());
    values.push(("project_id", PROJECT.to_owned()));
    world.put_secret("huaweicloud", &values).await;
    let operator = world.operator().await;
    for name in ["one", "two", "three", "four", "five", "six"] {
        world.create(name, json!({})).await;
    }
    for name in ["one", "two", "three", "four", "five", "six"] {
        world.reason(name, "CredentialsRejected").await;
    }
    assert!(world.count(IssueToken) <= 2, "{:?}", world.cloud.calls());
    assert_eq!(world.calls(), []);

    world.cloud.add_user(KnownUser::new(
        "test-domain",
        "operator",
        "right-test",
        PROJECT,
    ));
    values[4].1 = "right-test".to_owned();
    assert_eq!(values[4].0, "password");
    world.put_secret("huaweicloud", &values).await;
    world.ready("one").await;
    assert!(!operator.output().contains(PASSWORD));
}

#[tokio::test]
async fn the_project_of_the_region_is_asked_for_once() {
    let world = OperatorWorld::new().await;
    let other = KnownCredential::new(AK, SK, PROJECT).project(OTHER_PROJECT, "cn-north-4_media");
    world.cloud.add_credential(other);
    world
        .put_secret("huaweicloud", &secret(&world, &[("ak", AK), ("sk", SK)]))
        .await;
    let _operator = world.operator().await;
    for name in ["one", "two", "three"] {
        world.create(name, json!({})).await;
    }
    for name in ["one", "two", "three"] {
        let target = world.ready(name).await.target.unwrap();
        assert_eq!(target.project_id, PROJECT);
    }
    assert_eq!(world.count(ListProjects), 1);
}

#[tokio::test]
async fn several_projects_of_the_name_are_told_until_one_is_named() {
    let world = OperatorWorld::new().await;
    let several = KnownCredential::new(AK, SK, PROJECT).project(OTHER_PROJECT, "cn-north-4");
    world.cloud.add_credential(several);
    let mut values = secret(&world, &[("ak", AK), ("sk", SK)]);
    world.put_secret("huaweicloud", &values).await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.reason("push", "CredentialsMissing").await;
    let message = message(&status);
    assert!(
        message.contains(PROJECT)
            && message.contains(OTHER_PROJECT)
            && message.contains("project_id"),
        "{message}"
    );
    assert!(condition(&status, "Reconciling").is_some() && status.next_attempt_time.is_some());
    assert_eq!(world.calls(), []);

    values.push(("project_id", OTHER_PROJECT.to_owned()));
    world.put_secret("huaweicloud", &values).await;
    let target = world.ready("push").await.target.unwrap();
    assert_eq!(target.project_id, OTHER_PROJECT);
}

#[tokio::test]
async fn a_requested_look_reads_the_secret_anew() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator_with(&["--secret-poll-interval=10m"]).await;
    let late = json!({ "credentialsSecretRef": { "name": "late" } });
    world.create("push", late).await;
    world.reason("push", "CredentialsMissing").await;

    world.put_secret("late", &world.credentials()).await;
    world.ask("push", "now").await;
    world.ready("push").await;
}

#[tokio::test]
async fn a_project_that_comes_to_be_is_found_by_itself() {
    let world = OperatorWorld::new().await;
    world
        .put_secret("huaweicloud", &secret(&world, &[("ak", AK), ("sk", SK)]))
        .await;
    let _operator = world.operator().await;
    world.create("push", json!({ "region": "cn-east-3" })).await;
    let status = world.reason("push", "CredentialsMissing").await;
    assert!(message(&status).contains("cn-east-3"), "{status:?}");

    world
        .cloud
        .add_credential(KnownCredential::new(AK, SK, PROJECT).project(OTHER_PROJECT, "cn-east-3"));
    // IAM's answer counts for half a minute.
    let found = eventually("the project is found", LIMIT * 3, async || {
        let status = world.get("push").await?.status?;
        condition(&status, "Ready").filter(|ready| ready.status == "True")?;
        Some(status.target?.project_id)
    })
    .await;
    assert_eq!(found, OTHER_PROJECT);
}

#[tokio::test]
async fn an_outage_of_iam_passes() {
    let world = OperatorWorld::new().await;
    let broken = json!({ "error_msg": "internal", "error_code": "IAM.0020" });
    let outage = ScriptedFault::on(ListProjects).times(1);
    world
        .cloud
        .fault(outage.reply(503, ScriptedPayload::Json(broken)));
    world
        .put_secret("huaweicloud", &secret(&world, &[("ak", AK), ("sk", SK)]))
        .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.reason("push", "CloudUnavailable").await;
    assert!(message(&status).contains("IAM"), "{}", message(&status));
    let looked = status.last_operation.unwrap();
    assert_eq!(
        (looked.type_.as_str(), looked.outcome.as_str()),
        ("List", "Failed")
    );
    world.ready("push").await;
}

#[tokio::test]
async fn white_space_and_empty_values_do_no_harm_and_the_first_full_set_counts() {
    let world = OperatorWorld::new().await;
    let (ak, sk) = (format!("  {AK}\n"), format!("{SK}\r\n"));
    let spaced = [
        ("ak", ak.as_str()),
        ("sk", sk.as_str()),
        ("security_token", ""),
        ("token", TOKEN),
        ("project_id", " 0123456789abcdef0123456789abcdef "),
    ];
    world
        .put_secret("huaweicloud", &secret(&world, &spaced))
        .await;
    let rights = Rights::full("somebody", PROJECT);
    world
        .cloud
        .add_token(TOKEN, rights, Duration::from_hours(1));
    let incomplete = [
        ("ak", AK),
        ("sk", " \n"),
        ("token", TOKEN),
        ("project_id", PROJECT),
    ];
    world
        .put_secret("by-token", &secret(&world, &incomplete))
        .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world
        .create(
            "other",
            json!({ "credentialsSecretRef": { "name": "by-token" } }),
        )
        .await;
    world.ready("push").await;
    world.ready("other").await;
    let callers: Vec<_> = world.cloud.calls();
    let callers: Vec<_> = callers
        .iter()
        .filter(|call| call.operation == Create)
        .filter_map(|call| call.credential.as_deref())
        .collect();
    assert!(
        callers.contains(&format!("ak:{AK}").as_str()),
        "{callers:?}"
    );
    assert!(
        callers.iter().any(|caller| caller.starts_with("token:")),
        "{callers:?}"
    );
}

#[tokio::test]
async fn a_rotated_key_takes_effect_by_itself_without_a_change_at_the_cloud() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    world
        .cloud
        .add_credential(KnownCredential::new("AKTESTROTATED", SK, PROJECT));
    let mut values = world.credentials();
    values[0].1 = "AKTESTROTATED".to_owned();
    world.put_secret("huaweicloud", &values).await;
    world.cloud.remove_credential(AK);
    let ask = json!({ "metadata": { "annotations": { "live.huaweicloud.com/reconcile-requested-at": "now" } } });
    world.patch("push", ask).await;
    world
        .status("push", "the look is answered", |status| {
            status.last_handled_reconcile_at.as_deref() == Some("now")
        })
        .await;
    eventually("the new key is used", LIMIT, async || {
        let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/rotated" } });
        world.patch("push", url).await;
        world.ready("push").await;
        Some(())
    })
    .await;
    let calls = world.cloud.calls();
    let changes: Vec<_> = calls.iter().filter(|call| call.committed).collect();
    assert_eq!(changes.len(), 2, "the create and the edit: {changes:?}");
    assert_eq!(
        changes[1].credential.as_deref(),
        Some("ak:AKTESTROTATED"),
        "{:?}",
        &calls[before..]
    );
}

#[tokio::test]
async fn only_a_value_that_is_used_counts_as_a_change() {
    let world = OperatorWorld::new().await;
    world.cloud.add_credential(
        KnownCredential::new(AK, SK, PROJECT)
            .deny(List)
            .deny(Create),
    );
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "PermissionDenied").await;
    let before = world.calls().len();

    let mut values = world.credentials();
    values.push(("comment", "one".to_owned()));
    values.push(("token", "unused-test-token".to_owned()));
    world.put_secret("huaweicloud", &values).await;
    // Whatever the first change gives rise to has come before the second has.
    values.push((
        "iam_endpoint",
        "https://iam.cn-north-4.myhuaweicloud.com".to_owned(),
    ));
    world.put_secret("huaweicloud", &values).await;
    world
        .cloud
        .wait_for("the second change", LIMIT, |cloud| {
            cloud.calls().len() > before
        })
        .await
        .unwrap();
    assert_eq!(world.calls().len(), before + 1, "{:?}", world.calls());
}
