//! Callbacks that the list lacks and that can't be asked for: nothing is made anew, and nobody is told that all is well.

use std::time::Duration;

use http::Method;

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CloudCallFate, TroubledAnswer, reply};
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
