//! A callback that somebody removed at the cloud is made again, whatever lists show meanwhile, and that is told once it is so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use live_simulator::settings::Contract;
use live_simulator::{LoggedCause, LoggedChange};
use serde_json::json;

use super::object::{domain, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CloudCall, CloudCallFate, TroubledAnswer, reply};
use super::world::ControllerWorld;

const INTERVAL: Duration = Duration::from_mins(2);
/// So many lists show what is gone still, once it is made again.
const STALE: usize = 3;

/// How many repairs the newest process tells of.
fn told_repairs(world: &ControllerWorld) -> usize {
    let told = world.figure("drift_repaired_total");
    told.parse().unwrap()
}

/// Nothing is told as repaired that was not: each repair is a change at the cloud.
pub(super) fn repairs_are_made(world: &ControllerWorld) -> Result<(), String> {
    let mutations = world.cloud().mutations().into_iter();
    let made = mutations
        .filter(|it| it.cause != LoggedCause::OutOfBand && it.change != LoggedChange::Deleted);
    let (told, made) = (told_repairs(world), made.count());
    (told <= made)
        .then_some(())
        .ok_or_else(|| format!("{told} repairs are told, and {made} changes were made"))
}

fn is_list(call: &CloudCall) -> bool {
    call.method == Method::GET && call.id.is_none() && !call.is_login
}

/// Lists show what the next ones show, from the next POST on.
async fn lists_fall_behind(script: &Script, world: &ControllerWorld, id: &str) {
    let seen = Arc::<Mutex<Option<Bytes>>>::default();
    let (seeing, shown) = (Arc::clone(&seen), Arc::clone(&seen));
    script.cloud(move |call| {
        let seen = Arc::clone(&seeing);
        let notes = TroubledAnswer::Edited(Arc::new(move |response| {
            *seen.lock().unwrap() = Some(response.body.clone());
        }));
        CloudCallFate {
            answer: if is_list(call) {
                notes
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    let is_seen = |_: &ControllerWorld| seen.lock().unwrap().is_some();
    assert!(world.until(INTERVAL * 2, is_seen).await);
    world.cloud().delete_row(id);
    let (mut posted, mut lists) = (false, 0);
    script.cloud(move |call| {
        posted |= call.method == Method::POST;
        let is_stale = posted && is_list(call) && lists < STALE;
        lists += usize::from(is_stale);
        let shown = Arc::clone(&shown);
        let stale = TroubledAnswer::Edited(Arc::new(move |response| {
            response.body = shown.lock().unwrap().clone().unwrap();
        }));
        CloudCallFate {
            answer: if is_stale {
                stale
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_list_that_shows_what_was_removed_says_nothing_of_a_create_without_an_id() {
    for policy in ["IfIdentical", "Never"] {
        let (script, mut world) = Script::with_world();
        world
            .cloud()
            .settings(|settings| settings.contract = Contract::Original);
        world.configure(|config| config.resync_interval = INTERVAL);
        world.start();
        let mut spec = spec("push");
        spec["adoptionPolicy"] = json!(policy);
        settle(&world, "push", &spec).await;
        let former = world.rows(&domain("push"))[0].id.clone();
        lists_fall_behind(&script, &world, &former).await;
        let is_made = |world: &ControllerWorld| world.count(&Method::POST) == 2;
        let is_made = world.until(INTERVAL * 3, is_made).await;
        assert!(is_made, "{}", world.story.whole());
        world.pass(INTERVAL * 10).await;

        let (object, rows) = (world.object("push").unwrap(), world.rows(&domain("push")));
        let story = world.story.whole();
        assert_eq!(verdict(&object).1, "Available", "{story}");
        assert_eq!((rows.len(), world.count(&Method::POST)), (1, 2), "{story}");
        assert_eq!(
            object["status"]["callbackID"],
            rows[0].id.as_str(),
            "{story}"
        );
        assert_eq!(object["status"]["adopted"], false, "{story}");
        world.delete("push");
        world.pass(INTERVAL).await;
        assert!(world.rows(&domain("push")).is_empty(), "{story}");
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_made_again_is_not_told_as_repaired() {
    // The answer to a create that is carried out may be lost, and one that is refused is heard.
    for is_lost in [false, true] {
        let (script, mut world) = Script::with_world();
        world.configure(|config| config.resync_interval = INTERVAL);
        world.start();
        settle(&world, "push", &spec("push")).await;
        let former = world.rows(&domain("push"))[0].id.clone();
        world.cloud().delete_row(&former);
        let refused = r#"{"error_code":"LIVE.100011001","error_msg":"no such domain"}"#;
        script.cloud(move |call| match call.method {
            Method::POST => CloudCallFate {
                carried_out: is_lost,
                answer: if is_lost {
                    TroubledAnswer::Broken
                } else {
                    TroubledAnswer::Reply(reply(400, refused))
                },
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        });
        let is_tried = |world: &ControllerWorld| world.count(&Method::POST) == 2;
        let is_tried = world.until(INTERVAL * 3, is_tried).await;
        assert!(is_tried, "{}", world.story.whole());
        world.pass(Duration::from_hours(1)).await;
        assert_eq!(
            told_repairs(&world),
            usize::from(is_lost),
            "{}",
            world.story.whole()
        );

        script.ends();
        world.pass(Duration::from_mins(15)).await;
        let object = world.object("push").unwrap();
        assert_eq!(verdict(&object).1, "Available", "{}", world.story.whole());
        assert_ne!(object["status"]["callbackID"], former.as_str());
        assert_eq!(told_repairs(&world), 1, "{}", world.story.whole());
        world.kill().await;
    }
}
