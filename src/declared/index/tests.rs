//! Who stands in whose way, in virtual time.

use serde_json::json;
use tokio::time::advance;

use super::*;

const SETTLE: Duration = Duration::from_secs(30);

fn target(project_id: &str) -> Target {
    Target {
        region: "cn-north-4".to_owned(),
        project_id: project_id.to_owned(),
        endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
    }
}

/// An object that wants one place; with a record of this attempt, in project "theirs".
fn object(uid: &str, version: u64, attempt: Option<&str>) -> RecordingCallback {
    let record = attempt.map(|id| {
        let target = json!({"region": "cn-north-4", "projectID": "theirs", "endpoint": "https://live.cn-north-4.myhuaweicloud.com"});
        let attempt = json!({"id": id, "at": "2026-11-25T02:00:00Z", "signType": "MD5"});
        json!({"uid": uid, "target": target, "attempts": [attempt]}).to_string()
    });
    let mut metadata = json!({"name": uid, "namespace": "media", "uid": uid, "resourceVersion": version.to_string()});
    if let Some(record) = record {
        metadata["annotations"] = json!({ crate::api::PENDING_OPERATION: record });
    }
    let spec = json!({"publishDomain": "push.example.com", "app": "live"});
    serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": metadata, "spec": spec,
    }))
    .unwrap()
}

/// Who stands in the way of "victim" in project "theirs", and whether that is unproven.
fn rival(index: &Index) -> Option<(String, bool)> {
    let place = Place::new("push.example.com", "live");
    let rival = index.rival("victim", &place, &target("theirs"));
    rival.map(|rival| (rival.name, rival.unproven))
}

#[tokio::test(start_paused = true)]
async fn a_record_counts_for_others_for_a_while_or_with_a_look() {
    let index = Index::new(SETTLE);
    index.put(&object("forger", 1, Some("one")));
    index.put(&object("victim", 2, None));
    index.looked("victim", &target("theirs"));
    let unproven = Some(("media/forger".to_owned(), true));
    assert_eq!(rival(&index), unproven);
    advance(Duration::from_secs(89)).await;
    index.put(&object("forger", 3, Some("one")));
    assert_eq!(
        rival(&index),
        unproven,
        "any create has shown by then, and no older look is believed"
    );
    advance(Duration::from_secs(1)).await;
    assert_eq!(rival(&index), None);

    // Another attempt may be a create that is under way; a look in another project proves nothing here.
    index.put(&object("forger", 4, Some("two")));
    assert_eq!(rival(&index), unproven);
    index.looked("forger", &target("its own"));
    index.put(&object("forger", 5, Some("two")));
    assert_eq!(rival(&index), unproven);
    advance(Duration::from_secs(90)).await;
    assert_eq!(rival(&index), None);
    index.looked("forger", &target("theirs"));
    assert_eq!(rival(&index), Some(("media/forger".to_owned(), false)));
}
