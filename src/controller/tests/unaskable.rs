//! Callbacks that the list lacks. One that can't be asked for is not made anew, and nobody is told that all is well; one that is there
//! all the same hides none of the others; one that is known to be gone is not asked for again.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CloudCallFate, Edit, TroubledAnswer, reply};
use super::world::ControllerWorld;

const REJECTION: &str = r#"{"error_code":"LIVE.100011001","error_msg":"Invalid parameter."}"#;

#[tokio::test(start_paused = true)]
async fn a_callback_that_is_missing_and_can_not_be_asked_for_is_not_ready() {
    for answer in [
        TroubledAnswer::Reply(reply(400, REJECTION)),
        TroubledAnswer::Broken,
    ] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        settle(&world, "beside", &spec("beside")).await;
        let row = |world: &ControllerWorld, name: &str| world.rows(&domain(name)).remove(0).id;
        let (lost, beside) = (row(&world, "push"), row(&world, "beside"));
        let id = lost.clone();
        script.cloud(move |call| {
            let is_lost = call.method == Method::GET && call.id.as_deref() == Some(id.as_str());
            let answer = Some(answer.clone()).filter(|_| is_lost);
            CloudCallFate {
                answer: answer.unwrap_or(TroubledAnswer::True),
                ..CloudCallFate::default()
            }
        });
        world.cloud().delete_row(&lost);
        world.cloud().delete_row(&beside);
        let interval = world.config().resync_interval;
        world.pass(interval * 5).await;
        let whole = world.story.whole();
        let (status, _) = verdict(&world.object("push").unwrap());
        assert_eq!(status, "Unknown", "{whole}");
        assert!(world.rows(&domain("push")).is_empty(), "{whole}");
        // One that can't be asked for hides none of the others.
        let (status, _) = verdict(&world.object("beside").unwrap());
        assert_eq!(status, "True", "{whole}");
        assert_eq!(world.rows(&domain("beside")).len(), 1, "{whole}");
        script.ends();
        becomes(
            &world,
            "True",
            "Available",
            interval * 2 + Duration::from_mins(1),
        )
        .await;
        assert_eq!(world.rows(&domain("push")).len(), 1);
    }
}

/// Has all lists lack a row.
fn deny(script: &Script, id: &str) {
    let id = id.to_owned();
    script.cloud(move |call| {
        let lists = call.method == Method::GET && call.id.is_none() && !call.is_login;
        let id = id.clone();
        let without: Edit = Arc::new(move |response| {
            let mut list: Value = serde_json::from_slice(&response.body).unwrap();
            let rows = list["callback_config"].as_array_mut().unwrap();
            let before = rows.len();
            rows.retain(|row| row["id"] != *id);
            let lacks = before - rows.len();
            let total = list["total"].as_u64().unwrap();
            list["total"] = (total - lacks as u64).into();
            response.body = list.to_string().into();
        });
        CloudCallFate {
            answer: if lists {
                TroubledAnswer::Edited(without)
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_lists_lack_for_ever_and_that_is_there_hides_no_other_that_is_gone() {
    // Whichever of both is looked at first.
    for (denied, gone) in [("push", "beside"), ("beside", "push")] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        settle(&world, "beside", &spec("beside")).await;
        let row = |name: &str| world.rows(&domain(name)).remove(0).id;
        deny(&script, &row(denied));
        let interval = world.config().resync_interval;
        world.pass(interval * 3).await;
        world.cloud().delete_row(&row(gone));
        let is_back = |world: &ControllerWorld| !world.rows(&domain(gone)).is_empty();
        let is_back = world.until(interval * 3, is_back).await;
        let whole = world.story.whole();
        assert!(is_back, "{gone} stays away\n{whole}");
        assert_eq!(world.rows(&domain(denied)).len(), 1, "{whole}");
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_is_gone_and_can_not_be_made_again_is_asked_for_by_no_sweep() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    script.cloud(|call| {
        let answer = if call.method == Method::POST && !call.is_login {
            TroubledAnswer::Reply(reply(400, REJECTION))
        } else {
            TroubledAnswer::True
        };
        CloudCallFate {
            carried_out: matches!(answer, TroubledAnswer::True),
            answer,
            ..CloudCallFate::default()
        }
    });
    world
        .cloud()
        .delete_row(&world.rows(&domain("push")).remove(0).id);
    let interval = world.config().resync_interval;
    becomes(&world, "False", "RequestRejected", interval * 2).await;
    // Each attempt asks for it itself.
    let asked_and_posted = |world: &ControllerWorld| {
        let calls: Vec<_> = world.calls().into_iter().map(|made| made.call).collect();
        let asked = calls
            .iter()
            .filter(|call| call.method == Method::GET && call.id.is_some());
        let posted = calls
            .iter()
            .filter(|call| call.method == Method::POST && !call.is_login);
        (asked.count(), posted.count())
    };
    let (asked, posted) = asked_and_posted(&world);
    world.pass(interval * 6).await;
    let (asked_since, posted_since) = asked_and_posted(&world);
    let whole = world.story.whole();
    assert!(posted_since > posted, "{whole}");
    assert_eq!(asked_since - asked, posted_since - posted, "{whole}");
    script.ends();
    becomes(&world, "True", "Available", Duration::from_mins(15)).await;
    assert_eq!(world.rows(&domain("push")).len(), 1);
}
