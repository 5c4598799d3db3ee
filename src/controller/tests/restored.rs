//! The API server's storage is restored from a backup, and the watch goes on as if nothing had happened: until that is noticed by the
//! comparison with a list, what is planned on is what our own reads and writes return.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{HOOKS, domain, spec, verdict};
use super::script::{Script, settle};
use super::world::{ControllerWorld, OTHER_SIGN_KEY};

/// Versions that the backup does not have: more than are written while nobody notices.
const LOST: usize = 60;
/// Watches are compared with lists after 10 minutes.
const UNNOTICED: Duration = Duration::from_mins(7);
const COMPARED: Duration = Duration::from_mins(12);

fn puts(world: &ControllerWorld) -> usize {
    world.count(&Method::PUT)
}

#[tokio::test(start_paused = true)]
async fn a_change_is_made_once_although_the_watch_is_ahead_of_the_storage() {
    let (_script, mut world) = Script::with_world();
    world.start();
    let mut keyed = spec("push");
    keyed["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    settle(&world, "push", &keyed).await;
    let backup = world.server.version();
    for number in 0..LOST {
        let touched = json!({"metadata": {"annotations": {"team": number.to_string()}}});
        world.merge("push", &touched);
    }
    world.pass(Duration::from_secs(5)).await;
    world.server.go_back(backup);
    world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]);
    world.pass(UNNOTICED).await;
    assert_eq!(puts(&world), 1, "{}", world.story.whole());
    let key = world.rows(&domain("push"))[0].key.clone();
    assert!(key.is_some_and(|key| key.reveal() == OTHER_SIGN_KEY));

    world.pass(COMPARED).await;
    assert_eq!(puts(&world), 1, "{}", world.story.whole());
    let object = world.object("push").unwrap();
    assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
    let other = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": other}}));
    world.pass(Duration::from_mins(1)).await;
    let row = &world.rows(&domain("push"))[0];
    assert_eq!(row.notify_callback_url.as_deref(), Some(other));
    assert_eq!(puts(&world), 2, "{}", world.story.whole());
}
