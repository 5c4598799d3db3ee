//! One object causes at most 120 calls in an hour, whatever the cloud answers, and however many calls each of them turns out to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Method, header};
use serde_json::json;

use super::object::{ACCOUNT, NAMESPACE, domain, spec, verdict};
use super::trouble::{CloudCall, CloudCallFate, Peace, Troubled, TroubledAnswer, reply};
use super::world::{ControllerWorld, account, user};
use crate::api::RecordingCallback;
use crate::controller::allowance::CallPurpose;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::controller::worker_slots::WorkerSlot;
use crate::fuzz::is_full;
use crate::plan::step::{Look, Proof};
use crate::platform::quota::Lane;

const HOUR: Duration = Duration::from_hours(1);
/// So many calls one object may cause in an hour.
const MOST: usize = 120;

/// What never comes to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CostlyAnswer {
    /// A POST is accepted, names no id, and makes nothing.
    Nameless,
    /// A PUT is refused.
    Refused,
    /// A list has another length on each page.
    Moving,
    /// A list is as long as the cloud can tell, and never lacks a page.
    Long,
}

/// A cloud that refuses every call the first time, if it is told to, and lies at the second.
struct CostlyCloud {
    lie: CostlyAnswer,
    refuses_first: bool,
    is_over: AtomicBool,
    calls: AtomicUsize,
}

impl CostlyCloud {
    fn refusal() -> CloudCallFate {
        let mut refusal = reply(
            401,
            r#"{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information"}"#,
        );
        let another_day = "Tue, 24 Nov 2026 12:00:00 GMT".parse().unwrap();
        refusal.headers.insert(header::DATE, another_day);
        untrue(refusal)
    }

    fn page(&self, total: u64) -> CloudCallFate {
        let number = self.calls.load(Ordering::SeqCst);
        let row = |row: usize| json!({"id": format!("{number}-{row}"), "publish_domain": domain("push"), "app": format!("app{row}")});
        let rows: Vec<_> = (0..100).map(row).collect();
        let page = json!({"total": total, "callback_config": rows});
        untrue(reply(200, page.to_string()))
    }
}

fn untrue(response: crate::platform::transport::Response) -> CloudCallFate {
    CloudCallFate {
        carried_out: false,
        answer: TroubledAnswer::Reply(response),
        ..CloudCallFate::default()
    }
}

impl Troubled for CostlyCloud {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        if call.is_login || self.is_over.load(Ordering::SeqCst) {
            return CloudCallFate::default();
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.refuses_first && number.is_multiple_of(2) {
            return Self::refusal();
        }
        let is_list = call.method == Method::GET && call.id.is_none();
        match (self.lie, &call.method) {
            (CostlyAnswer::Nameless, &Method::POST) => untrue(reply(201, "")),
            (CostlyAnswer::Refused, &Method::POST | &Method::PUT) => untrue(reply(400, "")),
            (CostlyAnswer::Moving, _) if is_list => {
                self.page(1_000 + u64::try_from(number).unwrap())
            }
            (CostlyAnswer::Long, _) if is_list => self.page(4_000),
            _ => CloudCallFate::default(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_lie_makes_an_object_cause_more_than_120_calls_in_an_hour() {
    for lie in [
        CostlyAnswer::Nameless,
        CostlyAnswer::Refused,
        CostlyAnswer::Moving,
        CostlyAnswer::Long,
    ] {
        for refuses_first in [false, true] {
            for is_user in [false, true] {
                if is_user != refuses_first && lie != CostlyAnswer::Nameless {
                    continue; // a user differs by the logins that a refusal leads to
                }
                if !(is_full() || refuses_first && is_user) {
                    continue; // what costs the most calls
                }
                let description =
                    format!("{lie:?}, first refused: {refuses_first}, a user: {is_user}");
                lived(lie, refuses_first, is_user, &description).await;
            }
        }
    }
}

async fn lived(lie: CostlyAnswer, refuses_first: bool, is_user: bool, description: &str) {
    let liar = Arc::new(CostlyCloud {
        lie,
        refuses_first,
        is_over: AtomicBool::new(false),
        calls: AtomicUsize::new(0),
    });
    let trouble: Arc<dyn Troubled> = liar.clone();
    let mut world = ControllerWorld::new(&trouble);
    if is_user {
        world.secret(ACCOUNT, &user());
    } else {
        world.secret(ACCOUNT, &account("AKFIRST"));
    }
    world.start();
    world.apply("push", &spec("push"));
    world.pass(HOUR + HOUR / 4).await;
    // Pages of sweeps are for all objects of the account.
    let is_sweep = |call: &CloudCall| {
        call.method == Method::GET && call.id.is_none() && call.domain.is_none() && !call.is_login
    };
    let calls = world.calls();
    let own = calls.iter().filter(|made| !is_sweep(&made.call));
    let times: Vec<Duration> = own.map(|made| made.at).collect();
    let hours = (0..times.len()).map(|first| {
        let end = times[first] + HOUR;
        times[first..].partition_point(|at| *at < end)
    });
    let busiest = hours.max().unwrap_or_default();
    assert!(
        (10..=MOST).contains(&busiest),
        "{description}: {busiest} calls in an hour\n{}",
        world.story.whole()
    );
    liar.is_over.store(true, Ordering::SeqCst);
    let healed = world.until(Duration::from_mins(15), |world| {
        verdict(&world.object("push").unwrap()).0 == "True"
            && world.rows(&domain("push")).len() == 1
    });
    let is_long = lie == CostlyAnswer::Long || lie == CostlyAnswer::Moving;
    assert!(
        healed.await || is_long,
        "{description}\n{}",
        world.story.whole()
    );
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_already_takes_no_call_of_the_allowance() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    let context = world.idle();
    world.apply("push", &spec("push"));
    let object: RecordingCallback = serde_json::from_value(world.object("push").unwrap()).unwrap();
    context.index_object(&object);
    let turn = WorkerSlot::take(&context.workers, NAMESPACE).await;
    let mut run = Reconciliation::new(&context, Arc::new(object), turn);
    assert_eq!(run.read_secrets().await.unwrap(), None);
    let not_before = run.facts.now;
    for _ in 0..5 {
        let proof = Proof::Absence;
        let asked = run.look_at_place(Look { not_before, proof }).await;
        assert_eq!(asked.unwrap(), None);
    }
    assert_eq!(world.calls().len(), 1);
    let take = || run.memory(|memory| memory.allowance.take(CallPurpose::Change).ok());
    let left = std::iter::from_fn(take).count();
    assert_eq!(left, 40, "of 41");
}

/// The token is there, and by then another process may lead.
#[tokio::test(start_paused = true)]
async fn a_change_that_is_not_made_after_all_takes_no_call_of_the_allowance() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.led_for(Duration::ZERO);
    let context = world.idle();
    world.apply("push", &spec("push"));
    let object: RecordingCallback = serde_json::from_value(world.object("push").unwrap()).unwrap();
    context.index_object(&object);
    let turn = WorkerSlot::take(&context.workers, NAMESPACE).await;
    let mut run = Reconciliation::new(&context, Arc::new(object), turn);
    assert_eq!(run.read_secrets().await.unwrap(), None);
    let created = Box::pin(run.create()).await;
    assert_eq!(created.unwrap(), RoundEnd::Again);
    // Nor where the object changes before there is one.
    let bucket = run.account.as_ref().unwrap().bucket().clone();
    let _token = bucket.acquire(Lane::Urgent, NAMESPACE).await;
    let wakes = context.memories.changes(&run.facts.object.uid);
    let (created, ()) = tokio::join!(Box::pin(run.create()), async { wakes.notify_waiters() });
    assert_eq!(created.unwrap(), RoundEnd::Again);
    assert_eq!(world.calls().len(), 0);
    let take = || run.memory(|memory| memory.allowance.take(CallPurpose::Change).ok());
    let left = std::iter::from_fn(take).count();
    assert_eq!(left, 41, "all");
}
