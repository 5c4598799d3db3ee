//! A stored object that can't be read: it hides none of the others, and what it holds is not nobody's.

use serde_json::Value;

use super::say;
use super::world::{Trouble, World};

#[tokio::test]
async fn one_object_that_can_not_be_read_hides_no_other() {
    let world = World::new(Trouble::Unreadable, Trouble::None).await;
    let said = say(&world, "status --all", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&[
        "error: media/broken can't be read",
        "kubectl edit rcb broken -n media",
    ]);
    let value = said.value();
    assert_eq!(value["items"][0]["name"], "push", "{said}");
    assert!(
        value["errors"][0]
            .as_str()
            .unwrap()
            .contains("media/broken"),
        "{said}"
    );
    for (command, code, words) in [
        ("suspend --all", 0, "broken"),
        ("doctor --offline", 1, "1 in all"),
        ("doctor --offline", 1, "media/broken"),
        ("orphans -A", 1, "media/broken can't be read"),
    ] {
        let said = say(&world, command, &[]).await;
        assert_eq!(said.code, Some(code), "{said}");
        said.assert_says(&[words]);
    }
}

#[tokio::test]
async fn what_an_object_holds_that_can_not_be_read_is_nobody_s_orphan() {
    let rows = r#"{"total":3,"callback_config":[
        {"id":"held","publish_domain":"push.example.com","app":"held"},
        {"id":"loose","publish_domain":"push.example.com","app":"wanted"},
        {"id":"free","publish_domain":"push.example.com","app":"free"}]}"#;
    let world = World::new(Trouble::Unreadable, Trouble::Says(200, rows)).await;
    let said = say(&world, "orphans -n media", &["-o", "json"]).await;
    said.assert_says(&["error: media/broken can't be read"]);
    let found = said.value()["items"].clone();
    let ids: Vec<&Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["callbackID"])
        .collect();
    assert_eq!(ids, ["free", "loose"], "{said}");
    let note = "wanted by media/broken (can't be read)";
    assert_eq!(found[1]["notes"], serde_json::json!([note]), "{said}");
    let said = say(&world, "import --secret huaweicloud", &["-o", "json"]).await;
    said.assert_says(&["left out: push.example.com wanted loose", note]);
    let items = said.value()["items"].clone();
    let apps: Vec<&Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["spec"]["app"])
        .collect();
    assert_eq!(apps, ["free"], "{said}");
}
