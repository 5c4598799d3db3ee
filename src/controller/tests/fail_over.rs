//! Another process takes over what the former leader was not told, or what a restored storage has forgotten: it lists anew, and what is
//! then declared is brought about once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{HOOKS, domain, key, spec, verdict};
use super::script::{Script, settle};
use super::server::WatchDelivery;
use super::world::{ControllerWorld, OTHER_SIGN_KEY};
use crate::api::RECONCILE_REQUESTED_AT;
use crate::fuzz::cases;

/// So long nobody has to renew the Lease.
const LEASE: Duration = Duration::from_mins(2);
/// So long the former leader goes on beside the next.
const BESIDE: Duration = Duration::from_secs(20);
/// Long before watches are compared with lists: it must not take that.
const SOON: Duration = Duration::from_mins(4);
/// The longest time until the first sweep is over, and what it finds is mended.
const SWEPT: Duration = Duration::from_mins(13);
/// Two sweeps.
const AT_REST: Duration = Duration::from_mins(25);
/// Versions that the backup does not have.
const LOST: usize = 30;

/// What is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissedNews {
    /// The former leader's watch falls silent before the change.
    Event,
    /// The storage is restored to before the change, which was acted on.
    Change,
    /// The storage is restored, and the change made then has a version that the former leader's watch has long passed.
    Version,
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailOverAct {
    Edit,
    Rotate,
    Suspend,
    Ask,
    Wipe,
    Delete,
}

impl FailOverAct {
    fn is_done(self, world: &ControllerWorld) {
        match self {
            Self::Edit => {
                let other = "https://hooks.example.com/other";
                world.merge("push", &json!({"spec": {"notifyCallbackURL": other}}));
            }
            Self::Rotate => world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]),
            Self::Suspend => world.merge("push", &json!({"spec": {"suspend": true}})),
            Self::Ask => annotate(world, RECONCILE_REQUESTED_AT, "now"),
            Self::Wipe => world.merge(
                "push",
                &json!({"metadata": {"annotations": null, "finalizers": null}}),
            ),
            Self::Delete => world.delete("push"),
        }
    }

    /// How many changes at the cloud the next leader may make.
    fn changes(self, missed: MissedNews) -> usize {
        match (self, missed) {
            // None of them is at the cloud.
            (Self::Suspend | Self::Ask | Self::Wipe, _) => 0,
            (Self::Edit | Self::Rotate | Self::Delete, _) => 1,
        }
    }
}

fn annotate(world: &ControllerWorld, name: &str, value: &str) {
    world.merge("push", &json!({"metadata": {"annotations": {name: value}}}));
}

#[tokio::test(start_paused = true)]
async fn the_next_leader_acts_once_on_what_the_former_was_not_told() {
    let acts = [
        FailOverAct::Edit,
        FailOverAct::Rotate,
        FailOverAct::Suspend,
        FailOverAct::Ask,
        FailOverAct::Wipe,
        FailOverAct::Delete,
    ];
    let missed = [MissedNews::Event, MissedNews::Change, MissedNews::Version];
    for (first, missed) in missed.into_iter().enumerate() {
        for act in cases(acts.into_iter().cycle().skip(first).take(acts.len()), 3) {
            taken_over(missed, act).await;
        }
    }
}

async fn taken_over(missed: MissedNews, act: FailOverAct) {
    let (_script, mut world) = Script::with_world();
    world.led_for(LEASE);
    world.start();
    let mut keyed = spec("push");
    keyed["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    settle(&world, "push", &keyed).await;
    let backup = world.server.version();
    miss(&world, missed, act, backup).await;
    let left = (LEASE + Duration::from_secs(1)).saturating_sub(world.story.age());
    world.pass(left).await;
    let before = world.cloud().mutations().len();
    world.fail_over();
    world.pass(BESIDE).await;
    world.end_former().await;
    // What is at the cloud and was never declared, as far as the storage knows, is drift: a sweep finds it.
    let limit = if missed == MissedNews::Change {
        SWEPT
    } else {
        SOON
    };
    world.pass(limit).await;
    let with_story = || format!("{missed:?} {act:?}\n{}", world.story.whole());
    as_declared(&world).unwrap_or_else(|problem| panic!("{problem}: {}", with_story()));
    let changes = world.cloud().mutations().len() - before;
    assert!(
        changes <= act.changes(missed),
        "{changes}: {}",
        with_story()
    );

    let versions = world.server.version();
    world.pass(AT_REST).await;
    as_declared(&world).unwrap_or_else(|problem| panic!("at rest {problem}: {}", with_story()));
    let more = world.cloud().mutations().len() - before - changes;
    assert_eq!(
        (more, world.server.version()),
        (0, versions),
        "{}",
        with_story()
    );
    world.kill().await;
}

async fn miss(world: &ControllerWorld, missed: MissedNews, act: FailOverAct, backup: u64) {
    match missed {
        MissedNews::Event => {
            world.server.set_delivery(WatchDelivery {
                silent_on: BTreeSet::from([key("push")]),
                ..WatchDelivery::default()
            });
            act.is_done(world);
        }
        MissedNews::Change => {
            act.is_done(world);
            world.pass(Duration::from_secs(10)).await;
            world.server.go_back(backup);
        }
        MissedNews::Version => {
            for number in 0..LOST {
                annotate(world, "team", &number.to_string());
            }
            world.pass(Duration::from_secs(5)).await;
            world.server.go_back(backup);
            act.is_done(world);
        }
    }
}

/// Whether the cloud holds what the object declares, by one callback, and the status says so.
fn as_declared(world: &ControllerWorld) -> Result<(), String> {
    let rows = world.rows(&domain("push"));
    let Some(object) = world.object("push") else {
        return if rows.is_empty() {
            Ok(())
        } else {
            Err("it is gone, and its callback is an orphan".to_owned())
        };
    };
    let [row] = rows.as_slice() else {
        return Err(format!("there are {} rows", rows.len()));
    };
    let asked = &object["metadata"]["annotations"][RECONCILE_REQUESTED_AT];
    let (status, reason) = verdict(&object);
    let wanted: (&str, Value) = if object["spec"]["suspend"] == true {
        ("Suspended", row.notify_callback_url.clone().into())
    } else {
        ("Available", object["spec"]["notifyCallbackURL"].clone())
    };
    // Whether the former leader sent a key for this generation is not known before one may be sent again.
    let is_right = status == "True" || (reason == "Suspended" && status == "Unknown");
    let is_key_there = world.server.secret(&key(HOOKS)).is_some_and(|values| {
        values.get("sign").map(String::as_str)
            == row.key.as_ref().map(live_simulator::StoredSignKey::reveal)
    });
    if is_right
        && reason == wanted.0
        && json!(row.notify_callback_url) == wanted.1
        && is_key_there
        && object["status"]["callbackID"] == row.id.as_str()
        && (asked.is_null() || *asked == object["status"]["lastHandledReconcileAt"])
        && object["metadata"]["finalizers"].is_array()
    {
        return Ok(());
    }
    Err(format!("it is {status} {reason} {}", row.id))
}
