//! Something happens while one answer is on the way: each call of what the operator does is carried out at once and answered late, and
//! meanwhile one thing changes. In the end the cloud is as declared, by one callback, and what went has left nothing.
//!
//! `MEANWHILE_SHARE` says of how many such moments one is tried, 1 is all; it goes before `TEST_EXTENT`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use live_simulator::RowPatch;
use serde_json::json;

use super::object::{domain, key, verdict};
use super::transitions::table::{self, Spot, TransitionStep};
use super::transitions::{gone, is_as_declared, report};
use super::trouble::{CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, Verb};
use super::world::ControllerWorld;
use crate::api::RECONCILE_REQUESTED_AT;
use crate::fuzz::{extent, print_extent};

const FEW: usize = 160;
const USUAL: usize = 16;
/// So late an answer comes.
const LATE: Duration = Duration::from_secs(3);
/// How finely it is looked whether that call is out.
const MOMENT: Duration = Duration::from_millis(100);
/// By then the operator has done what it does.
const DONE: Duration = Duration::from_secs(15);
/// What is taken back is so after so long.
const LASTS: Duration = Duration::from_mins(2);
/// The longest that anything may take: two sweeps, a backoff.
const LATER: Duration = Duration::from_mins(25);
/// For so long it has to stay as declared: a Secret is read once a minute.
const STAYS: Duration = Duration::from_mins(2);
const STEP: Duration = Duration::from_secs(5);

/// What the operator does, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Create,
    Update,
    /// Somebody changes the callback, and asks for a look.
    Repair,
    /// Somebody removes it, and asks for a look.
    Recreate,
    Delete,
}

const WORKS: [Work; 5] = [
    Work::Create,
    Work::Update,
    Work::Repair,
    Work::Recreate,
    Work::Delete,
];

/// What changes meanwhile.
#[derive(Debug, Clone)]
enum Meanwhile {
    Step(TransitionStep),
    Deleted,
    /// By force.
    TakenAway,
    /// By force, and applied anew.
    Replaced,
    /// The callback, at the cloud.
    Removed,
}

/// Counts calls from when it is armed; the answer to one of them comes late.
#[derive(Default)]
struct LateAnswer {
    calls: AtomicUsize,
    late: Mutex<Option<usize>>,
}

impl LateAnswer {
    fn arm(&self, late: Option<usize>) {
        self.calls.store(0, Ordering::SeqCst);
        *self.late.lock().unwrap() = late;
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn is_late(&self) -> bool {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        *self.late.lock().unwrap() == Some(number)
    }
}

impl Troubled for LateAnswer {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        let counts = !matches!(call.verb, Verb::List | Verb::Watch | Verb::Publish);
        if counts && self.is_late() {
            CallFate::Slow(LATE)
        } else {
            CallFate::Served
        }
    }

    fn at_cloud(&self, _: &CloudCall) -> CloudCallFate {
        CloudCallFate {
            after: if self.is_late() { LATE } else { Duration::ZERO },
            ..CloudCallFate::default()
        }
    }
}

#[test]
fn what_changes_while_an_answer_is_on_the_way_is_seen() {
    let share = extent("MEANWHILE_SHARE", FEW, USUAL);
    let mut changes: Vec<Meanwhile> = table::steps().into_iter().map(Meanwhile::Step).collect();
    changes.extend([
        Meanwhile::Deleted,
        Meanwhile::TakenAway,
        Meanwhile::Replaced,
        Meanwhile::Removed,
    ]);
    let (mut number, mut count, mut problems) = (0_usize, 0_usize, Vec::new());
    for work in WORKS {
        let calls = match tried(work, None) {
            Ok(calls) => calls,
            Err(problem) => return report(&[problem]),
        };
        let moments = |change| (0..calls).map(move |late| (change, late));
        for moment in changes.iter().flat_map(moments) {
            number += 1;
            if number.is_multiple_of(share) {
                count += 1;
                problems.extend(tried(work, Some(moment)).err());
            }
        }
    }
    print_extent(&format!("{count} of {number} changes meanwhile"));
    report(&problems);
}

/// How many calls the work takes by itself.
fn tried(work: Work, disturbed: Option<(&Meanwhile, usize)>) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let course = AssertUnwindSafe(course(work, disturbed)).catch_unwind();
    let result = runtime
        .block_on(course)
        .unwrap_or_else(|_| Err("panic".to_owned()));
    result.map_err(|problem| format!("{work:?}, {disturbed:?}: {problem}"))
}

async fn course(work: Work, disturbed: Option<(&Meanwhile, usize)>) -> Result<usize, String> {
    let late = Arc::new(LateAnswer::default());
    let trouble: Arc<dyn Troubled> = late.clone();
    let mut world = ControllerWorld::new(&trouble);
    table::more_secrets(&world);
    world.start();
    if work != Work::Create {
        world.apply("push", &table::full());
        let is_ready =
            |world: &ControllerWorld| verdict(&world.object("push").unwrap()).0 == "True";
        world.until(LASTS, is_ready).await;
        world.pass(Duration::from_secs(40)).await;
    }
    late.arm(disturbed.map(|(_, number)| number));
    work.begin(&world);
    let Some((change, number)) = disturbed else {
        world.pass(DONE).await;
        return Ok(late.calls());
    };
    let (mut waited, limit) = (Duration::ZERO, 4 * DONE);
    while late.calls() <= number && waited < limit {
        world.pass(MOMENT).await;
        waited += MOMENT;
    }
    if let Some(back) = change.happen(&world) {
        world.pass(LASTS).await;
        if world.object("push").is_some() || matches!(back.spot, Spot::Secret(..)) {
            back.apply(&world);
        }
    }
    ends_well(&world, work, change).await?;
    Ok(late.calls())
}

/// Waits until all is as it should be, and stays so.
async fn ends_well(world: &ControllerWorld, work: Work, change: &Meanwhile) -> Result<(), String> {
    let (mut left, mut held) = (LATER, Duration::ZERO);
    let mut end = Ok(());
    while held < STAYS && !left.is_zero() {
        world.pass(STEP).await;
        left = left.saturating_sub(STEP);
        end = is_done(world, work, change).await;
        held = if end.is_ok() {
            held + STEP
        } else {
            Duration::ZERO
        };
    }
    end.map_err(|problem| format!("{problem}\n{}", world.story.whole()))
}

async fn is_done(world: &ControllerWorld, work: Work, change: &Meanwhile) -> Result<(), String> {
    match change {
        Meanwhile::Deleted | Meanwhile::TakenAway => is_gone(world),
        Meanwhile::Step(step) if work == Work::Delete => {
            gone(world, std::slice::from_ref(step)).await
        }
        Meanwhile::Removed if work == Work::Delete => is_gone(world),
        Meanwhile::Step(_) | Meanwhile::Replaced | Meanwhile::Removed => {
            is_as_declared(world, true)
        }
    }
}

/// The object went, and left nothing.
fn is_gone(world: &ControllerWorld) -> Result<(), String> {
    let rows = world.rows(&domain("push")).len();
    let is_there = world.object("push").is_some();
    if rows == 0 && !is_there {
        Ok(())
    } else {
        Err(format!("it is there: {is_there}, rows: {rows}"))
    }
}

fn recorded(world: &ControllerWorld) -> String {
    let object = world.object("push").unwrap_or_default();
    let id = object["status"]["callbackID"].as_str();
    id.unwrap_or_default().to_owned()
}

impl Work {
    fn begin(self, world: &ControllerWorld) {
        let ask =
            json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "2026-11-25T12:30:00Z"}}});
        match self {
            Self::Create => world.apply("push", &table::full()),
            Self::Update => {
                let url = "https://edited.example.com/";
                world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
            }
            Self::Repair => {
                let patch = RowPatch {
                    notify_callback_url: Some("https://drift.example.com/".to_owned()),
                    ..RowPatch::default()
                };
                world.cloud().edit_row(&recorded(world), &patch);
                world.merge("push", &ask);
            }
            Self::Recreate => {
                let _ = world.cloud().delete_row(&recorded(world));
                world.merge("push", &ask);
            }
            Self::Delete => world.delete("push"),
        }
    }
}

impl Meanwhile {
    /// It happens. Gives what takes it back, where it is taken back.
    fn happen(&self, world: &ControllerWorld) -> Option<TransitionStep> {
        match self {
            Self::Step(step) => {
                let back = step.back(world);
                if world.object("push").is_some() {
                    step.apply(world);
                }
                // Nobody looks at what is suspended, so it may differ till it goes on.
                let lasts = step.is_edit() && step.spot != Spot::Spec(&["suspend"]);
                return (!lasts).then_some(back);
            }
            Self::Deleted => world.delete("push"),
            Self::TakenAway => world.take_away(&key("push")),
            Self::Replaced => {
                world.take_away(&key("push"));
                world.apply("push", &table::full());
            }
            Self::Removed => drop(world.cloud().delete_row(&recorded(world))),
        }
        None
    }
}
