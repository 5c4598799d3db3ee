//! One of two namespaces is in trouble while another process takes over: that one names it, too, is held up by it neither in its
//! start nor with the others, and serves it soon after it heals.

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use live_simulator::{KnownCredential, LoggedOperation, Simulator, SimulatorSettings};
use recording_callback_operator::admin::health::WATCH_LIMIT;
use serde_json::json;
use tokio::time::timeout;

use super::Two;
use crate::support::{
    Namespace, account, eventually,
    lease::{allow_lease, leads},
    operator::OperatorProcess,
    proxy::{HarmedAnswer, HarmedCalls, StreamOrder},
    world::{AK, LIMIT, OperatorWorld, PROJECT, SK},
};

/// Half a minute, and a busy machine: within this a namespace that has healed is served.
const HEALED: Duration = Duration::from_secs(30 + 15);

/// How long a Lease holds: leaders that find no processor in time lose theirs.
const LEASE: Duration = Duration::from_secs(10);

/// What the namespace suffers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It has never been there.
    Missing,
    /// It goes while it is served.
    Deleted,
    /// Its objects may not be listed any more.
    Forbidden,
    /// No list and no watch of it is answered.
    Silent,
    /// Its watches begin, and nothing comes through them.
    HalfOpen,
}

/// How another process comes to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The one before is asked to end, and then it is started.
    Restart,
    /// It stands by when the one before dies, and waits until that one's Lease has run out.
    FailOver,
}

#[tokio::test]
async fn a_namespace_in_trouble_holds_up_neither_who_takes_over_nor_the_others() {
    let troubles = [
        Trouble::Missing,
        Trouble::Deleted,
        Trouble::Forbidden,
        Trouble::Silent,
    ];
    all(&troubles).await;
}

/// Long: that a watch is dead is seen by nothing but five minutes of silence.
#[tokio::test]
async fn nor_does_one_whose_watches_are_half_open() {
    all(&[Trouble::HalfOpen]).await;
}

/// Each of these across a restart and a fail-over, all at the same time.
async fn all(troubles: &[Trouble]) {
    let each = troubles
        .iter()
        .flat_map(|trouble| [By::Restart, By::FailOver].map(|by| (*trouble, by)));
    let runs = each.map(async |(trouble, by)| {
        let run = AssertUnwindSafe(Box::pin(taken_over(trouble, by)));
        if let Err(panic) = run.catch_unwind().await {
            eprintln!("--- that was {trouble:?}, {by:?}");
            resume_unwind(panic);
        }
    });
    join_all(runs).await;
}

async fn taken_over(trouble: Trouble, by: By) {
    let two = match trouble {
        Trouble::Missing => Two::of(OperatorWorld::new().await, absent().await).await,
        Trouble::Deleted | Trouble::Forbidden | Trouble::Silent | Trouble::HalfOpen => {
            Two::new().await
        }
    };
    allow_lease(&two.sound.namespace).await;
    let mut leader = replica(&two).await;
    leads(&leader).await;
    settle(&two, trouble).await;
    begin(trouble, &two).await;

    edit(&two, trouble, "before").await;
    let next = match by {
        By::Restart => {
            assert!(leader.terminate().await.success());
            replica(&two).await
        }
        By::FailOver => {
            let standby = replica(&two).await;
            leader.kill().await;
            standby
        }
    };
    leads(&next).await;
    two.sound.ready("push").await;
    // Whose list is answered is served as it was when that began.
    let listed = usize::from(trouble == Trouble::HalfOpen);
    updated(&two, listed).await;
    edit(&two, trouble, "after").await;
    two.sound.ready("push").await;
    let (cause, within) = expected_cause(trouble);
    two.is_named(&next, cause, within).await;
    assert_eq!(two.ill.count(LoggedOperation::Update), listed);
    if trouble != Trouble::HalfOpen {
        assert_eq!(two.count_logged(&next, "can't be watched"), 1, "once");
    }

    heal(trouble, &two).await;
    let served = timeout(HEALED, two.ill.ready("other")).await;
    served.expect("it is served soon");
    let is_there = is_there(trouble);
    updated(&two, listed + usize::from(is_there)).await;
    two.is_well(&next).await;
    assert_eq!(
        two.sound.count(LoggedOperation::Create),
        1,
        "nobody made another"
    );
}

/// A world whose namespace is not there yet.
async fn absent() -> OperatorWorld {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    cloud.add_credential(KnownCredential::new(AK, SK, PROJECT));
    OperatorWorld::at(Namespace::absent().await, cloud)
}

/// A process that wants to act, and stands by while another one does. Ready it is only where all is well.
async fn replica(two: &Two) -> OperatorProcess {
    let account = account::installed(Some(two.proxy.url())).await;
    let mut operator = OperatorProcess::spawn_as(&account, &two.replica_flags(LEASE), &[]);
    operator.address().await;
    operator
}

/// What is told of it, and how soon: a watch that brings nothing may only be quiet.
fn expected_cause(trouble: Trouble) -> (&'static str, Duration) {
    match trouble {
        Trouble::Missing | Trouble::Deleted => ("there is no such namespace", LIMIT),
        Trouble::Forbidden => ("Forbidden", LIMIT),
        Trouble::Silent => ("", LIMIT),
        Trouble::HalfOpen => ("silent for ", WATCH_LIMIT + LIMIT),
    }
}

/// Whether the objects of the namespace outlive its trouble.
fn is_there(trouble: Trouble) -> bool {
    !matches!(trouble, Trouble::Missing | Trouble::Deleted)
}

async fn settle(two: &Two, trouble: Trouble) {
    if trouble == Trouble::Missing {
        two.sound.create("push", json!({})).await;
        two.sound.ready("push").await;
    } else {
        two.settle().await;
    }
}

async fn begin(trouble: Trouble, two: &Two) {
    let unanswered = |instead: &HarmedAnswer| {
        for calls in [HarmedCalls::List, HarmedCalls::Watch] {
            two.harm(calls, instead.clone());
        }
    };
    match trouble {
        Trouble::Missing => {}
        Trouble::Deleted => {
            two.ill.namespace.remove().await;
            assert!(two.ill.cloud.rows().is_empty(), "its objects were let go");
        }
        Trouble::Forbidden => unanswered(&HarmedAnswer::error(403, "Forbidden")),
        Trouble::Silent => unanswered(&HarmedAnswer::Hang),
        Trouble::HalfOpen => two.harm_after(HarmedCalls::Watch, HarmedAnswer::Mute),
    }
    // Those that are open began before.
    two.proxy.watches(StreamOrder::End);
}

async fn heal(trouble: Trouble, two: &Two) {
    if trouble == Trouble::HalfOpen {
        // Connections that nobody serves any more break at last.
        two.proxy.down();
    }
    two.proxy.calm();
    if !is_there(trouble) {
        two.ill.namespace.restore().await;
        let credentials = two.ill.credentials();
        two.ill.put_secret("huaweicloud", &credentials).await;
        two.ill.create("other", json!({})).await;
    }
}

/// Edits what there is.
async fn edit(two: &Two, trouble: Trouble, path: &str) {
    let url = format!("https://hooks.example.com/{path}");
    let url = json!({ "spec": { "notifyCallbackURL": url } });
    two.sound.patch("push", url.clone()).await;
    if is_there(trouble) {
        two.ill.patch("other", url).await;
    }
}

/// Waits until so many edits of the namespace in trouble were sent.
async fn updated(two: &Two, times: usize) {
    eventually("its edits are sent", LIMIT, async || {
        (two.ill.count(LoggedOperation::Update) == times).then_some(())
    })
    .await;
}
