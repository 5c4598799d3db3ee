//! A test that fails tells what happened, in the order of time.

use std::{fs, panic::AssertUnwindSafe};

use futures::FutureExt as _;
use serde_json::json;

use crate::support::{story, world::OperatorWorld};

/// Parts of the story, each of which comes after the one before. The writes of an object have a row of their own: the watch that tells of
/// them may be late.
const TOLD: [&[&str]; 2] = [
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
    let told = story::printed().unwrap();
    for row in TOLD {
        row.iter().fold(told.as_str(), |rest, next| {
            let found = rest.split_once(next);
            found
                .unwrap_or_else(|| panic!("{next:?} does not come next in\n{told}"))
                .1
        });
    }
    for once in ["operator  INFO leading", "event     push Available: "] {
        assert!(told.contains(once), "{once:?} is missing in\n{told}");
    }
    // The cloud tells of its calls, the log that is kept does, too.
    assert!(!told.contains("INFO call "), "{told}");
    let log = told.split_once(KEPT).unwrap().1.lines().next().unwrap();
    let call = r#""message":"call","operation":"Create""#;
    assert!(fs::read_to_string(log).unwrap().contains(call));
    fs::remove_file(log).unwrap();
}
