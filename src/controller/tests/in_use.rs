//! How many accounts are counted as in use, and how they are reached: what wakes somebody.

use std::time::Duration;

use http::Method;
use live_simulator::KnownCredential;
use serde_json::json;

use super::object::{PROJECT, spec};
use super::script::{Script, settle};
use super::trouble::{CloudCall, CloudCallFate, TroubledAnswer, reply};
use super::world::{ControllerWorld, account};

/// Another address that calls may go to.
const ELSEWHERE: &str = "https://live.cn-north-4.myhuaweicloud.eu";
const MINUTE: Duration = Duration::from_mins(1);

/// Accounts that are reached, that are not, and that are refused.
fn counts(world: &ControllerWorld) -> [usize; 3] {
    let samples = world.samples("accounts");
    ["reached", "unreachable", "refused"].map(|state| {
        let sample = samples.iter().find(|sample| sample.contains(state));
        let count = sample.and_then(|sample| sample.rsplit_once(' '));
        count.map_or(0, |(_, count)| count.parse().unwrap())
    })
}

/// An object with a Secret of its own.
async fn settle_with(world: &ControllerWorld, name: &str, values: &[(&str, &str)]) {
    world.secret(name, values);
    let mut object = spec(name);
    object["credentialsSecretRef"] = json!({"name": name});
    settle(world, name, &object).await;
}

/// The values of a Secret for this key.
fn with_key<'a>(access_key: &'a str, secret_key: &'a str) -> [(&'a str, &'a str); 4] {
    account("AKFIRST").map(|(name, value)| match name {
        "ak" => (name, access_key),
        "sk" => (name, secret_key),
        _ => (name, value),
    })
}

/// An object whose status somebody made up, with a callback in a project of its own and a Secret for just that.
fn make_up(world: &ControllerWorld, name: &str, project: &str) {
    let made_up = format!("AK{}", project.to_uppercase());
    let values = with_key(&made_up, "made-up").map(|(key, value)| match key {
        "project_id" => (key, project),
        _ => (key, value),
    });
    world.secret(name, &values);
    let mut object = spec(name);
    object["credentialsSecretRef"] = json!({"name": name});
    world.apply(name, &object);
    let target = json!({"region": "cn-north-4", "projectID": project,
        "endpoint": "https://live.cn-north-4.myhuaweicloud.com"});
    world.merge(
        name,
        &json!({"status": {"observedGeneration": 1, "callbackID": format!("id-{name}"), "target": target}}),
    );
}

async fn until_counts(world: &ControllerWorld, expected: [usize; 3]) {
    let are = world.until(MINUTE, |world| counts(world) == expected).await;
    assert!(are, "not {expected:?}: {:?}", counts(world));
}

/// However many Secrets its repository renders wrongly.
#[tokio::test(start_paused = true)]
async fn one_who_gets_the_credentials_of_many_objects_wrong_is_one_account() {
    const OBJECTS: usize = 6;
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world
        .cloud()
        .add_credential(KnownCredential::new("AKTHIRD", "third", PROJECT));
    world.start();
    let names: Vec<String> = (0..OBJECTS).map(|number| format!("one-{number}")).collect();
    for name in &names {
        settle_with(&world, name, &account("AKFIRST")).await;
    }
    settle_with(&world, "second", &account("AKSECOND")).await;
    settle_with(&world, "third", &with_key("AKTHIRD", "third")).await;
    until_counts(&world, [3, 0, 0]).await;
    for name in &names {
        let made_up = format!("AK-{name}").replace('-', "").to_uppercase();
        world.secret(name, &with_key(&made_up, "made-up"));
    }
    let is_more = |world: &ControllerWorld| {
        let [reached, unreachable, refused] = counts(world);
        reached > 3 || unreachable > 0 || refused > 1
    };
    for restarts in [false, true] {
        if restarts {
            world.restart().await;
        }
        let more = world.until(MINUTE * 5, is_more).await;
        assert!(!more, "{:?}, restarts: {restarts}", counts(&world));
        assert_eq!(counts(&world), [2, 0, 1], "restarts: {restarts}");
    }
}

/// What befalls calls: IAM knows no project, and what goes to another address is throttled. Looks fail where the cloud is down.
fn befalls(call: &CloudCall, is_down: bool) -> CloudCallFate {
    let answer = if call.is_login {
        TroubledAnswer::Reply(reply(200, r#"{"projects":[]}"#))
    } else if call.url.contains(ELSEWHERE) {
        TroubledAnswer::Reply(reply(429, ""))
    } else if is_down && call.method == Method::GET {
        TroubledAnswer::Reply(reply(503, ""))
    } else {
        TroubledAnswer::True
    };
    CloudCallFate {
        answer,
        ..CloudCallFate::default()
    }
}

/// Two objects that one account serves are given other credentials, or only one of them: how many are counted then.
async fn counts_with(push: &[(&str, &str)], other: &[(&str, &str)], is_down: bool) -> [usize; 3] {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world.start();
    settle_with(&world, "push", &account("AKFIRST")).await;
    settle_with(&world, "other", &account("AKFIRST")).await;
    until_counts(&world, [1, 0, 0]).await;
    script.cloud(move |call| befalls(call, is_down));
    world.secret("push", push);
    world.secret("other", other);
    world.pass(MINUTE * 5).await;
    let counts = counts(&world);
    world.kill().await;
    counts
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_an_object_was_given_another_credential_is_over() {
    let second = account("AKSECOND").into_iter();
    let nowhere: Vec<_> = second.filter(|(name, _)| *name != "project_id").collect();
    let made_up = with_key("AKMADEUP", "made-up");
    assert_eq!(counts_with(&made_up, &nowhere, false).await, [0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_it_told_itself_goes_before_what_others_are_told_that_call_for_its_objects() {
    let second = account("AKSECOND").into_iter();
    let elsewhere: Vec<_> = second.chain([("live_endpoint", ELSEWHERE)]).collect();
    let same = account("AKFIRST");
    assert_eq!(counts_with(&same, &elsewhere, true).await, [0, 1, 0]);
}

/// Where a Secret names the address, the region is a mere word.
#[tokio::test(start_paused = true)]
async fn one_who_makes_up_a_region_for_each_object_is_one_account() {
    const OBJECTS: usize = 6;
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world.start();
    let anywhere = |secret_key| {
        with_key("AKFIRST", secret_key).map(|(key, value)| match key {
            "region" => ("live_endpoint", "https://live.cn-north-4.myhuaweicloud.com"),
            _ => (key, value),
        })
    };
    world.secret("anywhere", &anywhere("AKFIRST-secret"));
    for number in 0..OBJECTS {
        let name = format!("one-{number}");
        let mut object = spec(&name);
        object["region"] = json!(format!("r-{number}"));
        object["credentialsSecretRef"] = json!({"name": "anywhere"});
        settle(&world, &name, &object).await;
    }
    settle_with(&world, "other", &account("AKSECOND")).await;
    until_counts(&world, [2, 0, 0]).await;
    world.secret("anywhere", &anywhere("wrong"));
    until_counts(&world, [1, 0, 1]).await;
    world.kill().await;
}

/// That says nothing of the cloud.
#[tokio::test(start_paused = true)]
async fn an_account_whose_sweeps_have_no_room_here_is_as_it_was() {
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world.start();
    settle_with(&world, "push", &account("AKFIRST")).await;
    until_counts(&world, [1, 0, 0]).await;
    world.road.fill(true);
    let is_other = |world: &ControllerWorld| counts(world) != [1, 0, 0];
    assert!(
        !world.until(MINUTE * 5, is_other).await,
        "{:?}",
        counts(&world)
    );
    world.kill().await;
}

/// Whoever can write a status can say that a callback is anywhere.
#[tokio::test(start_paused = true)]
async fn accounts_that_somebody_made_up_in_statuses_are_one() {
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world.start();
    settle_with(&world, "push", &account("AKFIRST")).await;
    until_counts(&world, [1, 0, 0]).await;
    world.kill().await;
    for number in 0..6 {
        make_up(&world, &format!("made-up-{number}"), &format!("p{number}"));
    }
    world.start();
    let is_seen = |world: &ControllerWorld| counts(world)[2] > 0;
    assert!(world.until(MINUTE * 5, is_seen).await, "nobody was refused");
    let more = world.until(MINUTE * 5, |world| counts(world)[2] > 1).await;
    assert!(!more, "{:?}", counts(&world));
    assert_eq!(counts(&world), [1, 0, 1]);
    world.kill().await;
}
