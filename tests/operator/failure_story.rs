//! A test that fails tells what happened, in the order of time.

use std::{fs, panic::AssertUnwindSafe};

use futures::FutureExt as _;
use serde_json::json;

use crate::support::{story, world::OperatorWorld};

/// Parts of the story, each of which comes after the one before. The writes of an object have a row of their own: the watch that tells of
/// them may be late.
const EXPECTED: [&[&str]; 2] = [
    &[
        "test      writes the Secret huaweicloud",
        "test      creates push",
        "cloud     Create POST /v1/",
        " -> 201, changed ",
        "test      patches push: {\"spec\":",
        "cloud     Update PUT /v1/",
        " -> 200, changed ",
        KEPT,
    ],
    &[
        "test      creates push",
        "object    push spec: ",
        "object    push metadata: ",
        "live.huaweicloud.com/pending-operation {",
        "object    push status: Ready True Available",
    ],
];
const KEPT: &str = "test      an operator's whole log is kept in ";

#[tokio::test]
async fn a_test_that_fails_tells_what_happened_in_the_order_of_time() {
    let failing = async {
        let world = OperatorWorld::new().await;
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        world.event("push", "Available").await;
        let url = "https://hooks.example.com/other";
        let change = json!({ "spec": { "notifyCallbackURL": url } });
        world.patch("push", change).await;
        world.ready("push").await;
        assert!(world.cloud.rows().is_empty(), "it fails");
    };
    let failed = AssertUnwindSafe(Box::pin(failing)).catch_unwind().await;
    assert!(failed.is_err());
    let story_text = story::printed().unwrap();
    for row in EXPECTED {
        row.iter().fold(story_text.as_str(), |rest, next| {
            let found = rest.split_once(next);
            found
                .unwrap_or_else(|| panic!("{next:?} does not come next in\n{story_text}"))
                .1
        });
    }
    for once in ["operator  INFO leading", "event     push Available: "] {
        assert!(
            story_text.contains(once),
            "{once:?} is missing in\n{story_text}"
        );
    }
    // The cloud tells of its calls, the log that is kept does, too.
    assert!(!story_text.contains("INFO call "), "{story_text}");
    let log = story_text
        .split_once(KEPT)
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap();
    let call = r#""message":"call","operation":"Create""#;
    assert!(fs::read_to_string(log).unwrap().contains(call));
    fs::remove_file(log).unwrap();
}
