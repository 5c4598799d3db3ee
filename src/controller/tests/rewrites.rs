//! Somebody else writes the callback, once or again and again, while the object is managed or only looked at.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use live_simulator::{LoggedOperation, RowPatch, ScriptedFault};
use serde_json::json;

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CloudCallFate, Peace, Troubled, TroubledAnswer, reply};
use super::world::ControllerWorld;

const OURS: &str = "https://hooks.example.com/record";

/// A world whose object `push` is settled for longer than a look may count against its create.
async fn settled(resync: Duration) -> ControllerWorld {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.resync_interval = resync);
    world.start();
    settle(&world, "push", &spec("push")).await;
    world
}

fn rewrite(world: &ControllerWorld, url: &str) {
    world.story.log(format!("somebody writes {url}"));
    let patch = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().edit_row(&id, &patch).unwrap();
}

/// When the PUTs were made.
fn puts(world: &ControllerWorld) -> Vec<Duration> {
    let calls = world.calls().into_iter();
    let puts = calls.filter(|made| made.call.method == Method::PUT);
    puts.map(|made| made.at).collect()
}

fn plan(world: &ControllerWorld) -> serde_json::Value {
    world.object("push").unwrap()["status"]["plan"]["action"].clone()
}

#[tokio::test(start_paused = true)]
async fn drift_that_was_only_looked_at_is_repaired_once_it_may_be() {
    for read_only in [false, true] {
        let mut world = settled(Duration::from_mins(2)).await;
        rewrite(&world, "https://drift.example.com/");
        if read_only {
            world.kill().await;
            world.configure(|config| config.read_only = true);
            world.start();
        } else {
            world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
        }
        let sweep = Duration::from_mins(4);
        becomes(&world, "False", "ObserveOnly", sweep).await;
        assert_eq!(plan(&world), "Update");
        rewrite(&world, OURS);
        becomes(&world, "True", "ObserveOnly", sweep).await;
        assert_eq!(plan(&world), "None");
        rewrite(&world, "https://drift.example.com/");
        becomes(&world, "False", "ObserveOnly", sweep).await;

        let versions = world.server.history().len();
        world.pass(Duration::from_mins(10)).await;
        assert_eq!(world.server.history().len(), versions, "it is told once");
        if read_only {
            world.kill().await;
            world.configure(|config| config.read_only = false);
            world.start();
        } else {
            world.merge("push", &json!({"spec": {"managementPolicy": "Manage"}}));
        }
        becomes(&world, "True", "Available", Duration::from_mins(1)).await;
        let row = &world.rows(&domain("push"))[0];
        assert_eq!(row.notify_callback_url.as_deref(), Some(OURS));
        assert_eq!(puts(&world).len(), 1, "{}", world.story.whole());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_made_of_our_write_is_no_drift_after_it_was_only_looked_at() {
    let world = settled(Duration::from_mins(2)).await;
    let own_words = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/other".to_owned()),
        ..RowPatch::default()
    };
    let fault = ScriptedFault::on(LoggedOperation::Update)
        .always()
        .rewrite(own_words);
    world.cloud().fault(fault);
    let events = json!({"spec": {"notifyEventSubscription": ["RECORD_OVER"]}});
    world.merge("push", &events);
    let soon = Duration::from_mins(1);
    becomes(&world, "True", "Normalized", soon).await;
    world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
    becomes(&world, "True", "ObserveOnly", soon).await;
    assert_eq!(plan(&world), "None");
    world.pass(Duration::from_mins(5)).await;
    world.merge("push", &json!({"spec": {"managementPolicy": "Manage"}}));
    becomes(&world, "True", "Normalized", soon).await;
    world.pass(Duration::from_mins(5)).await;
    assert_eq!(puts(&world).len(), 1, "{}", world.story.whole());
}

/// The repair is answered as if the callback were gone, be that so or not.
#[tokio::test(start_paused = true)]
async fn a_repair_that_is_answered_gone_is_looked_at() {
    for is_gone in [false, true] {
        let (script, mut world) = Script::with_world();
        world.configure(|config| config.resync_interval = Duration::from_mins(1));
        world.start();
        settle(&world, "push", &spec("push")).await;
        script.cloud(|call| match call.method {
            Method::PUT => CloudCallFate {
                carried_out: false,
                after: Duration::from_secs(1),
                answer: TroubledAnswer::Reply(reply(404, r#"{"error_code": "LIVE.103011019"}"#)),
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        });
        rewrite(&world, "https://drift.example.com/");
        let is_sent = |world: &ControllerWorld| puts(world).len() == 1;
        assert!(world.until(Duration::from_mins(2), is_sent).await);
        if is_gone {
            let id = world.rows(&domain("push"))[0].id.clone();
            world.cloud().delete_row(&id);
            world.pass(Duration::from_secs(40)).await;
            let rows = world.rows(&domain("push"));
            assert_eq!(rows.len(), 1, "{}", world.story.whole());
            becomes(&world, "True", "Available", Duration::ZERO).await;
        } else {
            becomes(&world, "False", "RequestRejected", Duration::from_secs(40)).await;
            assert!(puts(&world).len() <= 3, "{}", world.story.whole());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_rewrites_again_and_again_is_told_of_until_that_stops_for_an_hour() {
    let world = settled(Duration::from_mins(10)).await;
    for number in 0..16 {
        rewrite(&world, &format!("https://drift.example.com/{number}"));
        world.pass(Duration::from_mins(3)).await;
        if puts(&world).len() >= 2 {
            let (_, reason) = verdict(&world.object("push").unwrap());
            assert_eq!(reason, "Contended", "{}", world.story.whole());
        }
    }
    rewrite(&world, OURS);
    let made = puts(&world);
    assert!(made.len() >= 3, "{}", world.story.whole());
    let apart = made.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(apart.min() >= Some(Duration::from_mins(10)), "{made:?}");
    let object = world.object("push").unwrap();
    let conditions = object["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|one| one["type"] == "Stalled"));

    let since = world.story.age().saturating_sub(made[made.len() - 1]);
    let left = Duration::from_mins(58).saturating_sub(since);
    world.pass(left).await;
    becomes(&world, "False", "Contended", Duration::ZERO).await;
    let versions = world.server.history().len();
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(world.server.history().len(), versions);
    becomes(&world, "True", "Available", Duration::from_mins(2)).await;
    assert_eq!(puts(&world), made, "{}", world.story.whole());
}
