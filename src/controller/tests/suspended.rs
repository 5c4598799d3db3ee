//! What is suspended says what it said before, and nothing that nobody sees.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::object::{ready, spec};
use super::script::{Script, becomes, settle};
use super::server::StoreKey;
use super::trouble::{CloudCallFate, TroubledAnswer, reply};

const SOON: Duration = Duration::from_mins(2);
const INTERVAL: Duration = Duration::from_mins(2);
const SWEPT_THRICE: Duration = Duration::from_mins(10);

#[tokio::test(start_paused = true)]
async fn what_no_sweep_sees_any_more_is_not_ready_by_being_suspended_and_tried_once_more() {
    for (status, code, reason) in [
        (401, "LIVE.100011003", "PermissionDenied"),
        (403, "LIVE.100011013", "AccountProblem"),
        (400, "LIVE.100011001", "RequestRejected"),
    ] {
        let (script, mut world) = Script::with_world();
        world.configure(|config| config.resync_interval = INTERVAL);
        world.start();
        settle(&world, "push", &spec("push")).await;
        script.cloud(move |_| {
            let body = format!(r#"{{"error_code":"{code}","error_msg":"no"}}"#);
            CloudCallFate {
                carried_out: false,
                answer: TroubledAnswer::Reply(reply(status, body)),
                ..CloudCallFate::default()
            }
        });
        becomes(&world, "Unknown", reason, SWEPT_THRICE).await;
        world.merge("push", &json!({"spec": {"suspend": true}}));
        becomes(&world, "Unknown", "Suspended", SOON).await;
        world.restart().await;
        world.pass(SOON).await;
        becomes(&world, "Unknown", "Suspended", Duration::ZERO).await;

        script.ends();
        let gets = world.count(&Method::GET);
        world.merge("push", &json!({"spec": {"suspend": false}}));
        becomes(&world, "True", "Available", SOON).await;
        let looks = world.count(&Method::GET) - gets;
        assert!(looks >= 1, "{}", world.story.whole());
        world.kill().await;
    }
}

/// Whoever is suspended and says that the cloud holds the spec said so when it was not. A status that the API server did not take is not in
/// its history, and what it says was seen all the same: only where it takes all can that be judged.
pub(super) fn as_before(history: &[(Timestamp, StoreKey, Value)]) -> Result<(), String> {
    let mut before = HashMap::new();
    for (at, key, object) in history {
        let (ready, uid) = (ready(object), object["metadata"]["uid"].to_string());
        if ready["reason"] != "Suspended" {
            before.insert(uid, ready["status"].clone());
        } else if ready["status"] == "True" && before.get(&uid).is_none_or(|it| it != "True") {
            let name = &key.1;
            return Err(format!(
                "{name} is suspended and Ready at {at}, and was not"
            ));
        }
    }
    Ok(())
}
