//! Two objects that ask for the same at one place, one of which goes while the other's create is under way.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{domain, spec, verdict};
use super::script::Script;
use super::trouble::{CloudCallFate, TroubledAnswer};
use super::world::ControllerWorld;

/// `push` has an open record of a create that came to nothing, and its delete waits, since it is suspended. `again` wants the same place,
/// which that record keeps no longer; the answer to its create takes 4 s.
async fn while_another_creates() -> ControllerWorld {
    let (script, mut world) = Script::with_world();
    script.cloud(|call| CloudCallFate {
        carried_out: call.method != Method::POST,
        answer: if call.method == Method::POST {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &spec("push"));
    let posts = |count: usize| move |world: &ControllerWorld| world.count(&Method::POST) == count;
    assert!(world.until(Duration::from_secs(30), posts(1)).await);
    world.merge("push", &json!({"spec": {"suspend": true}}));
    world.delete("push");
    world.pass(Duration::from_mins(3)).await;
    script.cloud(|call| CloudCallFate {
        after: Duration::from_secs(if call.method == Method::POST { 4 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.apply("again", &spec("push"));
    let is_made = |world: &ControllerWorld| world.rows(&domain("push")).len() == 1;
    let made = world.until(Duration::from_mins(2), is_made).await;
    assert!(made, "{}", world.story.whole());
    assert_eq!(world.count(&Method::POST), 2, "{}", world.story.whole());
    world
}

#[tokio::test(start_paused = true)]
async fn who_goes_does_not_delete_what_the_create_of_another_made() {
    let world = while_another_creates().await;
    world.merge("push", &json!({"spec": {"suspend": false}}));
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    let gone = world.until(Duration::from_mins(2), is_gone).await;
    assert!(gone, "{}", world.story.whole());
    let ready = |world: &ControllerWorld| verdict(&world.object("again").unwrap()).0 == "True";
    assert!(world.until(Duration::from_secs(10), ready).await);
    assert_eq!(world.count(&Method::DELETE), 0, "{}", world.story.whole());
    assert_eq!(world.count(&Method::POST), 2, "{}", world.story.whole());
    let object = world.object("again").unwrap();
    let id = &world.rows(&domain("push"))[0].id;
    assert_eq!(object["status"]["callbackID"], id.as_str());
}
