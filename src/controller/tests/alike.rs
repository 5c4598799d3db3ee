//! A URL that looks like a secret of the calls, or has a character that nobody sees: it is shown in other words than the cloud's, and told
//! apart by the cloud's own.

use std::time::Duration;

use live_simulator::RowPatch;
use live_simulator::settings::Contract;
use serde_json::{Value, json};

use super::object::{ACCOUNT, PROJECT, domain, spec, verdict};
use super::script::{Script, becomes, settle};
use super::world::{ControllerWorld, user};

/// Each with another one that is shown in the same words. The first begin as the password does.
const ALIKE: [(&str, &str); 2] = [
    (
        "https://not-easy.example.com/record",
        "https://not-easy-to.example.com/record",
    ),
    (
        "https://hooks.example.com/\u{200e}record",
        "https://hooks.example.com/\\u{200e}record",
    ),
];

/// A world whose objects call as a user, and a spec with this URL.
fn alike(url: &str) -> (ControllerWorld, Value) {
    let (_, world) = Script::with_world();
    world.secret(ACCOUNT, &user());
    let mut spec = spec("push");
    spec["notifyCallbackURL"] = json!(url);
    (world, spec)
}

#[tokio::test(start_paused = true)]
async fn what_our_create_made_is_known_by_a_url_that_is_shown_in_other_words() {
    for (url, _) in ALIKE {
        let (mut world, spec) = alike(url);
        world
            .cloud()
            .settings(|settings| settings.contract = Contract::Original);
        world.start();
        settle(&world, "push", &spec).await;
        becomes(&world, "True", "Available", Duration::ZERO).await;
        let object = world.object("push").unwrap();
        let whole = world.story.whole();
        assert_eq!(object["status"]["adopted"], false, "{whole}");
        assert_eq!(object["status"]["remote"]["notifyCallbackURL"], url);
        world.delete("push");
        world.pass(Duration::from_mins(2)).await;
        assert!(world.rows(&domain("push")).is_empty(), "{whole}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_identical_is_adopted_and_costs_no_update_and_what_is_changed_is_drift() {
    for (url, other) in ALIKE {
        let (mut world, spec) = alike(url);
        let says = |url: &str| RowPatch {
            notify_callback_url: Some(url.to_owned()),
            ..RowPatch::default()
        };
        let row = world
            .cloud()
            .insert_row(PROJECT, &domain("push"), "live", &says(url));
        world.start();
        settle(&world, "push", &spec).await;
        let status = world.object("push").unwrap()["status"].clone();
        let whole = world.story.whole();
        assert_eq!(status["adopted"], true, "{whole}");
        assert_eq!(world.count(&http::Method::PUT), 0, "{whole}");
        world.cloud().edit_row(&row.id, &says(other));
        let is_repaired = |world: &ControllerWorld| {
            let row = world.cloud().row(&row.id).unwrap();
            row.notify_callback_url.as_deref() == Some(url)
        };
        let repaired = world.until(Duration::from_mins(15), is_repaired).await;
        assert!(repaired, "{}", world.story.whole());
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(verdict(&world.object("push").unwrap()).1, "Available");
    }
}
