//! Who stands in whose way, in virtual time.

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::api::FINALIZER;
use crate::api::status::Status;

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
fn other_owner(index: &Index) -> Option<(String, bool)> {
    let place = Place::new("push.example.com", "live");
    let other_owner = index.owner_elsewhere("victim", &place, &target("theirs"));
    other_owner.map(|other_owner| (other_owner.name, other_owner.unproven))
}

#[tokio::test(start_paused = true)]
async fn a_record_counts_for_others_for_a_while_or_with_a_look() {
    let index = Index::new(SETTLE);
    index.put(&object("forger", 1, Some("one")));
    index.put(&object("victim", 2, None));
    index.note_look("victim", &target("theirs"));
    let unproven = Some(("media/forger".to_owned(), true));
    assert_eq!(other_owner(&index), unproven);
    advance(Duration::from_secs(89)).await;
    index.put(&object("forger", 3, Some("one")));
    assert_eq!(
        other_owner(&index),
        unproven,
        "any create has shown by then, and no older look is believed"
    );
    advance(Duration::from_secs(1)).await;
    assert_eq!(other_owner(&index), None);

    // Another attempt may be a create that is under way; a look in another project proves nothing here.
    index.put(&object("forger", 4, Some("two")));
    assert_eq!(other_owner(&index), unproven);
    index.note_look("forger", &target("its own"));
    index.put(&object("forger", 5, Some("two")));
    assert_eq!(other_owner(&index), unproven);
    advance(Duration::from_secs(90)).await;
    assert_eq!(other_owner(&index), None);

    // Its own looks, where one has worked before: as long as they fail nobody knows what its create made.
    let proven = Some(("media/young".to_owned(), false));
    index.remove("forger");
    index.put(&object("young", 6, Some("three")));
    index.note_look("young", &target("theirs"));
    advance(Duration::from_mins(1)).await;
    for _ in 0..6 {
        index.note_failed_look("young");
        advance(Duration::from_mins(12)).await;
        assert_eq!(other_owner(&index), proven);
    }
    advance(Duration::from_mins(3)).await;
    assert_eq!(other_owner(&index), None, "it looks no more");
    index.note_failed_look("young");
    assert_eq!(other_owner(&index), proven);
    index.note_look("young", &target("theirs"));
    assert_eq!(other_owner(&index), None, "a look that works ends it");
    index.note_failed_look("young");
    index.put(&object("young", 7, Some("three")));
    assert_eq!(other_owner(&index), proven);
}

/// The object as it is with an id, and with these finalizers while it is being deleted.
fn holder(version: u64, finalizers: &[&str], id: Option<&str>) -> RecordingCallback {
    let mut object = object("holder", version, Some("one"));
    let when = serde_json::from_value(json!("2026-11-25T02:00:00Z")).unwrap();
    object.metadata.deletion_timestamp = Some(when);
    object.metadata.finalizers = Some(finalizers.iter().map(ToString::to_string).collect());
    let status =
        json!({ "callbackID": id, "target": { "region": "cn-north-4", "projectID": "theirs" } });
    object.status = Some(serde_json::from_value(status).unwrap());
    object
}

#[tokio::test(start_paused = true)]
async fn who_was_let_go_holds_neither_place_nor_id() {
    let index = Index::new(SETTLE);
    index.put(&object("victim", 1, None));
    index.put(&holder(
        2,
        &["example.com/other", FINALIZER],
        Some("e2fe84de"),
    ));
    assert!(other_owner(&index).is_some(), "it is not let go yet");
    index.put(&holder(3, &["example.com/other"], Some("e2fe84de")));
    assert!(other_owner(&index).is_some(), "its finalizer was wiped");
    assert!(index.is_held("e2fe84de"));
    index.put(&holder(4, &["example.com/other"], None));
    assert!(
        other_owner(&index).is_some(),
        "what its create made is not known"
    );
    assert!(!index.is_held("e2fe84de"));

    let mut let_go = holder(5, &["example.com/other"], None);
    let_go.status.as_mut().unwrap().closed_operation = Some("one".to_owned());
    let told = index.put(&let_go).unwrap();
    let told = index.names_at(&told, Some("holder"));
    assert_eq!(told, ["media/victim".into()], "who wants the place is told");
    assert_eq!(other_owner(&index), None);
    let ids = ["e2fe84de"].into_iter();
    assert!(index.held_by_others("victim", ids).is_empty());
    assert!(index.has("holder"), "its status still has to say so");
}

#[tokio::test(start_paused = true)]
async fn who_went_or_was_replaced_holds_neither_place_nor_id() {
    let index = Index::new(SETTLE);
    index.put(&object("victim", 1, None));
    index.put(&holder(2, &[FINALIZER], Some("e2fe84de")));
    let mut other = object("holder", 3, None);
    other.metadata.uid = Some("another".to_owned());
    index.put(&other);
    let told = index.remove("holder").unwrap();
    assert_eq!(index.names_at(&told, None).len(), 2, "both are told");
    assert_eq!(other_owner(&index), None);
    assert!(!index.is_held("e2fe84de") && !index.has("holder"));
}

#[tokio::test(start_paused = true)]
async fn versions_that_went_back_are_taken_once_that_is_known() {
    let index = Index::new(SETTLE);
    index.put(&object("victim", 1, None));
    index.put(&object("forger", 200, Some("one")));
    index.put(&object("forger", 100, None));
    assert!(
        other_owner(&index).is_some(),
        "an older version is not believed"
    );
    index.rewind_object("forger");
    index.put(&object("forger", 100, None));
    assert_eq!(other_owner(&index), None, "that of one object");
    index.put(&object("forger", 200, Some("one")));
    index.rewind();
    index.put(&object("forger", 100, None));
    assert_eq!(other_owner(&index), None);
}

#[test]
fn only_the_domains_of_those_who_ask_are_told() {
    let index = Index::new(SETTLE);
    for uid in ["one", "two", "other"] {
        let mut object = object(uid, 1, None);
        if uid == "other" {
            "other.example.com".clone_into(&mut object.spec.publish_domain);
        }
        index.put(&object);
    }
    let uids = |uids: &[&str]| uids.iter().map(|uid| (*uid).to_owned()).collect();
    let domains = index.domains(&uids(&["one", "two", "nobody"]));
    assert_eq!(domains, uids(&["push.example.com"]));
    assert!(index.domains(&uids(&[])).is_empty());
}

fn observe<T: serde::de::DeserializeOwned>() -> T {
    serde_json::from_value(json!("Observe")).unwrap()
}

/// An object as it is under `Observe`.
fn observer(uid: &str) -> RecordingCallback {
    let mut object = object(uid, 1, Some("one"));
    object.spec.management_policy = Some(observe());
    object
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_one_who_does_not_matter() {
    let index = Index::new(SETTLE);
    assert_eq!(index.put(&observer("observer")), None);
    assert_eq!(
        index.put(&object("first", 1, None)),
        None,
        "it has not looked"
    );
    index.note_look("first", &target("theirs"));
    assert_eq!(index.put(&object("second", 1, None)), None);
    index.note_look("second", &target("theirs"));
    let mut second = object("second", 2, None);
    second.metadata.deletion_timestamp = holder(2, &[], None).metadata.deletion_timestamp;
    second.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    assert_eq!(index.put(&second), None, "another is the owner as before");
    for one in ["second", "observer"] {
        assert_eq!(index.remove(one), None, "{one}");
    }
    let mut first = observer("first");
    first.metadata.resource_version = Some("2".to_owned());
    assert!(index.put(&first).is_some(), "the owner wants it no more");
    first.status = holder(2, &[], Some("e2fe84de")).status;
    assert!(index.put(&first).is_some(), "an id is told of in any case");
    assert_eq!(index.put(&first), None, "that was told");
    assert!(index.remove("first").is_some());
}

/// The owner, when all are asked.
fn owner_among_all(index: &Index, uid: &str, target: &Target) -> Option<String> {
    let tables = index.lock();
    let project = (target.region.clone(), target.project_id.clone());
    let all = tables.entries.values();
    let candidates: Vec<Candidate> = all
        .filter(|entry| !entry.observes && !entry.let_go)
        .filter(|entry| *entry.uid == *uid || entry.project.as_deref() == Some(&project))
        .map(|entry| entry.as_candidate(&project, SETTLE))
        .collect();
    let owner = find_owner(&candidates).filter(|owner| *owner.uid != *uid);
    owner.map(|owner| owner.name.clone())
}

/// Something that happens to one of a few objects of one place.
fn happens(index: &Index, version: u64, uid: &str, what: u32, other: bool) -> Option<Arc<Place>> {
    let project = target(if other { "its own" } else { "theirs" });
    let mut object = object(uid, version, other.then_some("one"));
    let created = 100 + i64::from(uid.as_bytes()[0]) * if other { 1 } else { -1 };
    let created = jiff::Timestamp::from_second(created).unwrap();
    object.metadata.creation_timestamp = Some(created.into());
    match what {
        0 => return index.remove(uid),
        1 => index.note_look(uid, &project),
        2 => index.note_failed_look(uid),
        3 => object.status = holder(1, &[], Some("e2fe84de")).status,
        4 => object.status = holder(1, &[], None).status,
        5 => object.spec.management_policy = Some(observe()),
        6 | 7 => {
            let finalizers: &[&str] = if what == 6 { &[FINALIZER] } else { &["other"] };
            object.metadata = kube::api::ObjectMeta {
                deletion_timestamp: holder(1, &[], None).metadata.deletion_timestamp,
                finalizers: Some(finalizers.iter().map(ToString::to_string).collect()),
                ..object.metadata
            };
        }
        _ => {}
    }
    index.put(&object)
}

/// Whatever happens in whatever order, the owner is the one that is found when all are asked; and where it is another one, the others
/// are told, unless that is for a look or for time that passed: of these each learns by its own.
#[test]
fn the_owner_is_who_it_is_when_all_are_asked() {
    use proptest::prelude::*;
    let uids = ["a", "b", "c", "d"];
    let step = (0..4_usize, 0..10_u32, any::<bool>(), 0..60_u64);
    let steps = prop::collection::vec(step, 1..40);
    let place = Place::new("push.example.com", "live");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps)| {
        runtime.block_on(async {
            let index = Index::new(SETTLE);
            let projects = [target("theirs"), target("its own")];
            let owners = |index: &Index| {
                let all = uids.iter().flat_map(|uid| projects.iter().map(move |at| (*uid, at)));
                let all = all.filter(|(uid, _)| index.has(uid));
                all.map(|(uid, at)| ((uid, &at.project_id), owner_among_all(index, uid, at))).collect::<HashMap<_, _>>()
            };
            for (version, (at, what, other, passed)) in (1..).zip(steps) {
                advance(Duration::from_secs(passed)).await;
                let before = owners(&index);
                let told = happens(&index, version, uids[at], what, other);
                let now = owners(&index);
                let others = now.iter().filter(|((uid, _), _)| *uid != uids[at]);
                let is_other = others.filter(|(who, owner)| before.get(*who).is_some_and(|before| before != *owner)).count() > 0;
                let is_own_business = matches!(what, 1 | 2);
                assert!(told.is_some() || !is_other || is_own_business, "nobody is told: {before:?}, {now:?}");
                for ((uid, project), owner) in now {
                    let found = index.owner_elsewhere(uid, &place, &target(project));
                    assert_eq!(found.map(|found| found.name), owner, "of {uid} in {project}");
                }
            }
        });
    });
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_objects_that_came_and_went() {
    let index = Index::new(SETTLE);
    let uids = || (0..1000).map(|number| number.to_string());
    for uid in uids() {
        let mut object = object(&uid, 1, None);
        object.spec.publish_domain = format!("{uid}.example.com");
        let status = Status {
            callback_id: Some(uid),
            ..Status::default()
        };
        object.status = Some(status);
        index.put(&object);
    }
    for uid in uids() {
        index.remove(&uid);
    }
    let tables = index.lock();
    let Tables {
        entries,
        places,
        ids,
        ..
    } = &*tables;
    let capacities = [entries.capacity(), places.capacity(), ids.capacity()];
    assert!(capacities.iter().all(|room| *room < 16), "{capacities:?}");
}
