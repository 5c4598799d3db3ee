//! What would be left at the cloud: a second row of ours, and what a status names that nobody answers for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::object::{PROJECT, domain, key, spec, verdict};
use super::script::{Script, becomes, insert_alike, settle, settle_at_second_try};
use super::trouble::{
    CallFate, CloudCall, CloudCallFate, Peace, Troubled, TroubledAnswer, Verb, reply,
};
use super::world::{ControllerWorld, account};

/// Two POSTs whose answers are lost, and which are carried out late: at the same look both rows are there. The process ends at the first
/// DELETE, before or after it is carried out.
struct Twice {
    posts: AtomicUsize,
    deletes: AtomicUsize,
    carried_out: bool,
}

impl Troubled for Twice {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let lost = |seconds| CloudCallFate {
            before: Duration::from_secs(seconds),
            answer: TroubledAnswer::Broken,
            ..CloudCallFate::default()
        };
        match call.method {
            Method::POST => match self.posts.fetch_add(1, Ordering::SeqCst) {
                0 => lost(42),
                1 => lost(12),
                _ => CloudCallFate::default(),
            },
            Method::DELETE if self.deletes.fetch_add(1, Ordering::SeqCst) == 0 => CloudCallFate {
                carried_out: self.carried_out,
                answer: TroubledAnswer::Fatal,
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_row_of_ours_is_deleted_though_the_process_ends_after_the_claim() {
    for carried_out in [false, true] {
        for is_edited in [false, true] {
            let trouble = Arc::new(Twice {
                posts: AtomicUsize::new(0),
                deletes: AtomicUsize::new(0),
                carried_out,
            });
            let trouble: Arc<dyn Troubled> = trouble;
            let mut world = ControllerWorld::new(&trouble);
            world
                .cloud()
                .settings(|settings| settings.uniqueness = false);
            world.start();
            world.apply("push", &spec("push"));
            let died = world
                .until(Duration::from_mins(3), ControllerWorld::is_dead)
                .await;
            let rows = world.rows(&domain("push")).len();
            let is_half_done = rows == if carried_out { 1 } else { 2 };
            assert!(died && is_half_done, "{}", world.story.whole());
            assert!(
                world.object("push").unwrap()["status"]["callbackID"].is_string(),
                "it is claimed\n{}",
                world.story.whole()
            );
            if is_edited {
                let url = "https://hooks.example.com/other";
                world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
            }
            world.restart().await;
            world.pass(Duration::from_mins(3)).await;
            let rows = world.rows(&domain("push"));
            let object = world.object("push").unwrap();
            assert_eq!(rows.len(), 1, "{}", world.story.whole());
            assert_eq!(object["status"]["callbackID"], rows[0].id.as_str());
            assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_object_that_only_looked_and_goes_nothing_is_told() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
    becomes(&world, "True", "ObserveOnly", Duration::from_mins(1)).await;
    world.restart().await;
    world.pass(Duration::from_mins(1)).await;
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    script.server(move |call| {
        counted.fetch_add(usize::from(call.verb == Verb::Publish), Ordering::SeqCst);
        CallFate::Served
    });
    world.delete("push");
    world.pass(Duration::from_mins(10)).await;
    let whole = world.story.whole();
    assert!(world.object("push").is_none(), "{whole}");
    assert_eq!(told.load(Ordering::SeqCst), 0, "{whole}");
    assert_eq!(world.rows(&domain("push")).len(), 1, "{whole}");
}

/// An object without a finalizer that names this id goes at once.
fn goes_with(world: &ControllerWorld, name: &str, id: &str) {
    let object = key(name);
    world.server.edit(&object, |object| {
        object["status"]["callbackID"] = json!(id);
        object["metadata"]["finalizers"] = json!(null);
    });
    world.server.delete(&object);
}

#[tokio::test(start_paused = true)]
async fn an_id_in_the_status_of_an_object_that_goes_is_deleted_only_at_its_own_place() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    let foreign =
        world
            .cloud()
            .insert_row(PROJECT, "foreign.example.com", "live", &RowPatch::default());
    world.start();
    for name in ["thief", "push"] {
        world.apply(name, &spec(name));
    }
    world.pass(Duration::from_secs(5)).await;
    let own = world.rows(&domain("push"))[0].id.clone();
    let left = world.rows(&domain("thief"))[0].id.clone();
    let before = world.calls().len();
    goes_with(&world, "thief", &foreign.id);
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(world.cloud().row(&foreign.id), Some(foreign));
    let calls = &world.calls()[before..];
    let ids: Vec<_> = calls
        .iter()
        .filter_map(|made| Some((made.call.method.clone(), made.call.id.clone()?)))
        .collect();
    assert!(ids.len() <= 2, "{ids:?}\n{}", world.story.whole());
    drop(left);
    // What is there is deleted all the same, though this process does not know who made it.
    world.restart().await;
    world.pass(Duration::from_secs(5)).await;
    goes_with(&world, "push", &own);
    world.pass(Duration::from_secs(30)).await;
    assert!(
        world.rows(&domain("push")).is_empty(),
        "{}",
        world.story.whole()
    );
}

#[tokio::test(start_paused = true)]
async fn however_many_go_at_once_nothing_is_left_of_them() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    let names: Vec<_> = (0..60).map(|number| format!("push{number}")).collect();
    for name in &names {
        world.apply(name, &spec(name));
    }
    let rows = |world: &ControllerWorld| -> usize {
        let rows = names.iter().map(|name| world.rows(&domain(name)).len());
        rows.sum()
    };
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(rows(&world), names.len());
    // Of a process that has made none of them all are known by hearsay.
    world.restart().await;
    world.pass(Duration::from_secs(5)).await;
    for name in &names {
        world.take_away(&key(name));
    }
    world.pass(Duration::from_mins(2)).await;
    assert_eq!(rows(&world), 0, "{}", world.story.whole());
}

/// A hundred that fail again and again leave room for one of another account, long before they are given up.
#[tokio::test(start_paused = true)]
async fn clean_ups_that_fail_hold_up_no_other() {
    let (script, mut world) = Script::with_world();
    world.secret("other", &account("AKSECOND"));
    world.start();
    let names: Vec<_> = (0..110).map(|number| format!("many{number}")).collect();
    for name in &names {
        let mut spec = spec(name);
        spec["credentialsSecretRef"]["name"] = json!("other");
        world.apply(name, &spec);
    }
    settle(&world, "one", &spec("one")).await;
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(world.cloud().rows().len(), 111);
    script.cloud(|call| {
        let domain = call.domain.as_deref().unwrap_or_default();
        let answer = if domain.starts_with("many") {
            TroubledAnswer::Silent
        } else {
            TroubledAnswer::True
        };
        CloudCallFate {
            carried_out: !domain.starts_with("many"),
            answer,
            ..CloudCallFate::default()
        }
    });
    for name in &names {
        world.take_away(&key(name));
    }
    world.pass(Duration::from_secs(30)).await;
    world.take_away(&key("one"));
    let is_gone = |world: &ControllerWorld| world.rows(&domain("one")).is_empty();
    let gone = world.until(Duration::from_mins(5), is_gone).await;
    assert!(gone, "{}", world.story.whole());
}

/// The cloud refuses the DELETE for good, and still shows the callback: both are tried ever more seldom, and given up after an hour.
#[tokio::test(start_paused = true)]
async fn a_clean_up_that_is_refused_asks_ever_more_seldom() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    script.cloud(|call| {
        let refusal = r#"{"error_code":"LIVE.100011001","error_msg":"Request Illegal"}"#;
        let is_delete = call.method == Method::DELETE;
        CloudCallFate {
            carried_out: !is_delete,
            answer: if is_delete {
                TroubledAnswer::Reply(reply(400, refusal))
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    let before = world.calls().len();
    world.take_away(&key("push"));
    world.pass(Duration::from_hours(2)).await;
    let calls = world.calls().split_off(before).into_iter();
    let own = calls.filter(|made| made.call.id.is_some());
    let (deletes, gets): (Vec<_>, Vec<_>) =
        own.partition(|made| made.call.method == Method::DELETE);
    let story = || world.story.whole();
    assert!((5..=20).contains(&deletes.len()), "{}", story());
    assert_eq!(gets.len(), deletes.len(), "{}", story());
    assert_eq!(world.rows(&domain("push")).len(), 1);
}

/// A callback that another object took over meanwhile is not believed to be deleted: its new owner keeps and changes it.
#[tokio::test(start_paused = true)]
async fn what_was_taken_over_is_not_believed_deleted() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.apply("again", &spec("push"));
    world.pass(Duration::from_secs(5)).await;
    let id = world.rows(&domain("push"))[0].id.clone();
    script.cloud(|call| {
        let is_down = call.method == Method::DELETE;
        CloudCallFate {
            carried_out: !is_down,
            answer: if is_down {
                TroubledAnswer::Broken
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    world.take_away(&key("push"));
    let has = |world: &ControllerWorld| {
        world.object("again").unwrap()["status"]["callbackID"] == id.as_str()
    };
    let taken = world.until(Duration::from_mins(2), has).await;
    assert!(taken, "{}", world.story.whole());
    world.pass(Duration::from_mins(1)).await;
    script.ends();
    world.pass(Duration::from_mins(1)).await;
    let url = "https://hooks.example.com/other";
    world.merge("again", &json!({"spec": {"notifyCallbackURL": url}}));
    world.pass(Duration::from_mins(1)).await;
    let rows = world.rows(&domain("push"));
    assert_eq!(rows.len(), 1, "{}", world.story.whole());
    assert_eq!(rows[0].id, id, "{}", world.story.whole());
    assert!(has(&world), "{}", world.story.whole());
}

/// A world where two callbacks may be at one place, with a settled `push` whose record has two attempts, a suspended `holder`, and a second
/// callback that fits the record. Gives its id.
async fn with_a_second_row(requests_per_minute: u32) -> (ControllerWorld, String) {
    let (script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.uniqueness = false);
    world.configure(|config| config.requests_per_minute = requests_per_minute);
    world.start();
    settle_at_second_try(&script, &world).await;
    let mut holder = spec("holder");
    holder["suspend"] = json!(true);
    world.apply("holder", &holder);
    world.pass(Duration::from_mins(2)).await;
    let second = insert_alike(&world);
    (world, second)
}

/// The holder's status names this id.
fn gives_to_holder(world: &ControllerWorld, id: &str) {
    world.server.edit(&key("holder"), |object| {
        object["status"]["callbackID"] = json!(id);
    });
}

/// A row that our record fits and another object holds is the other's, whether a look shows it or a sweep.
#[tokio::test(start_paused = true)]
async fn a_second_row_that_another_object_holds_is_not_deleted() {
    let (world, second) = with_a_second_row(270).await;
    gives_to_holder(&world, &second);
    world.pass(Duration::from_hours(1)).await;
    let whole = world.story.whole();
    assert_eq!(world.rows(&domain("push")).len(), 2, "{whole}");
    let verdict_of_push = verdict(&world.object("push").unwrap());
    assert_eq!(
        verdict_of_push,
        ("False".to_owned(), "Conflict".to_owned()),
        "{whole}"
    );
}

/// Nor is one that it comes to hold while the DELETE waits for its token.
#[tokio::test(start_paused = true)]
async fn nor_is_one_that_it_comes_to_hold_meanwhile() {
    let (world, second) = with_a_second_row(5).await;
    let before = world.calls().len();
    let is_swept = |world: &ControllerWorld| world.calls().len() > before;
    let swept = world.until(Duration::from_mins(15), is_swept).await;
    assert!(swept, "{}", world.story.whole());
    gives_to_holder(&world, &second);
    world.pass(Duration::from_hours(1)).await;
    let rows = world.rows(&domain("push")).len();
    assert_eq!(rows, 2, "{}", world.story.whole());
}
