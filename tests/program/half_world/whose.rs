//! Whose credentials a command calls the cloud with, and about whose project: those of the object and of the operator, never those of
//! whoever calls it.

use serde_json::json;

use super::world::{Trouble, World};
use super::{say, say_in};

#[tokio::test]
async fn credentials_of_the_callers_own_serve_no_object_that_names_none() {
    let world = World::new(Trouble::NoSecret, Trouble::None).await;
    world.take_the_secret_out();
    let environment = [
        ("HUAWEICLOUD_SDK_AK", "AKTESTEXAMPLE0000002"),
        (
            "HUAWEICLOUD_SDK_SK",
            "sk-test-example-not-a-secret-0000000002",
        ),
        ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
        (
            "HUAWEICLOUD_SDK_PROJECT_ID",
            "ffffffffffffffffffffffffffffffff",
        ),
        ("HUAWEICLOUD_SDK_REGION_LIVE_CN_NORTH_4", &world.cloud),
    ];
    for command in ["orphans -A", "plan MANIFEST"] {
        let said = say_in(&environment, &world, command, &["-o", "json"]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["own credentials are not here", "only in its pod"]);
    }
    let said = say_in(&environment, &world, "doctor", &[]).await;
    said.assert_says(&["Credentials", "Unknown", "in the operator's environment"]);
    assert_eq!(world.calls(), 0);
}

#[tokio::test]
async fn a_project_that_credentials_lead_to_by_now_is_not_taken_for_that_of_the_object() {
    let world = World::new(Trouble::Moved, Trouble::None).await;
    let said = say(&world, "orphans -A", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&[
        "not looked at: cn-north-4 of-old of media/push",
        "media/huaweicloud lead to cn-north-4 0123456789abcdef0123456789abcdef instead",
    ]);
    assert_eq!((&said.value()["items"], world.calls()), (&json!([]), 0));
}
