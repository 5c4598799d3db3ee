//! A cloud that gives the id of a deleted callback to what is created at its place: nothing says that it gives none twice.

use std::time::Duration;

use http::Method;
use live_simulator::settings::IdsFrom;

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CloudCallFate, TroubledAnswer};
use super::world::ControllerWorld;

/// The object is replaced by an equal one, whose callback has the id of the one that was deleted. Its first `lost` creates have no answer.
async fn replaced(lost: usize, list_lag_ms: u64) {
    let (script, mut world) = Script::with_world();
    world.cloud().settings(|settings| {
        settings.ids = IdsFrom::Place;
        settings.list_lag_ms = list_lag_ms;
    });
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.pass(Duration::from_mins(1)).await;
    world.delete("push");
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    assert!(world.until(Duration::from_secs(30), is_gone).await);
    let mut left = lost;
    script.cloud(move |call| {
        let is_lost = call.method == Method::POST && left > 0;
        left -= usize::from(is_lost);
        CloudCallFate {
            answer: if is_lost {
                TroubledAnswer::Broken
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    world.apply("push", &spec("push"));
    becomes(&world, "True", "Available", Duration::from_mins(2)).await;
    world.pass(Duration::from_mins(30)).await;
    let object = world.object("push").unwrap();
    assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
    let rows = world.rows(&domain("push"));
    assert_eq!(object["status"]["callbackID"], rows[0].id.as_str());
    let changes = [Method::POST, Method::DELETE].map(|it| world.count(&it));
    assert_eq!(
        (rows.len(), changes),
        (1, [2, 1]),
        "{}",
        world.story.whole()
    );
}

#[tokio::test(start_paused = true)]
async fn the_id_that_a_create_is_answered_with_is_not_absent() {
    replaced(0, 0).await;
    replaced(0, 12_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_created_later_than_the_deleted_one_is_not_absent() {
    replaced(1, 0).await;
    replaced(1, 12_000).await;
}
