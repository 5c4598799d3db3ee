//! Creates that the cloud carries out when nobody waits for their answer any more.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use live_simulator::{LoggedOperation, ScriptedFault, SimulatorSettings};

use super::{
    PLACES,
    fixture::{CrashEnd, CrashFixture, HeldCallback, NAME, RECOVERY},
    hard::{HardCase, wipe},
    in_place, print_line,
    scene::CrashScene,
};

/// Beyond the client's patience, within the settle time.
const WITHIN: Duration = Duration::from_secs(3);
/// Beyond the settle time, when it was created anew already.
const AFTER: Duration = Duration::from_secs(9);

/// One run.
#[derive(Clone, Copy, Debug)]
struct LateCase {
    unique: bool,
    delay: Duration,
    case: HardCase,
    /// Whether the process is killed when the create has arrived; else its patience ends.
    killed: bool,
}

#[tokio::test]
async fn a_create_that_is_carried_out_late_ends_with_exactly_one_callback() {
    let mut lates = Vec::new();
    for unique in [true, false] {
        for killed in [true, false] {
            let late = |delay, case| LateCase {
                unique,
                delay,
                case,
                killed,
            };
            for case in [HardCase::Nothing, HardCase::AdoptNever, HardCase::Edited] {
                lates.extend([late(WITHIN, case), late(AFTER, case)]);
            }
            // A create that comes after the settle time, and after its object, is beyond what anybody can know.
            lates.push(late(WITHIN, HardCase::Deleted));
            if !killed {
                // Nobody can know what a dead process knew.
                lates.push(late(WITHIN, HardCase::Wiped));
            }
        }
    }
    let runs = lates
        .iter()
        .copied()
        .map(|late| in_place(Arc::clone(&PLACES), move || run(late)));
    let outcomes = join_all(runs).await;
    let failed: Vec<_> = lates
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .collect();
    print_line(&format!("late creates: {} runs", lates.len()));
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

async fn run(late: LateCase) {
    let settings = SimulatorSettings {
        uniqueness: late.unique,
        ..SimulatorSettings::default()
    };
    let mut fixture = CrashFixture::new(settings).await;
    let outlives = late.delay == AFTER && !late.unique;
    fixture.at_once = if outlives { 2 } else { 1 };
    let cloud = &fixture.world.cloud;
    cloud.fault(ScriptedFault::on(LoggedOperation::Create).delay_before(late.delay));

    let mut operator = fixture.operator().await;
    CrashScene::Create.act(&fixture, late.case.spec()).await;
    let arrived = |cloud: &live_simulator::Cloud| first(cloud).is_some();
    cloud
        .wait_for("the create", RECOVERY, arrived)
        .await
        .unwrap();
    if late.killed {
        operator.kill().await;
    } else {
        fixture.world.reason(NAME, "OutcomeUnknown").await;
    }
    let end = meanwhile(&fixture, late.case).await;
    if late.killed {
        operator = fixture.operator().await;
    }
    let over =
        |cloud: &live_simulator::Cloud| first(cloud).is_some_and(|call| call.status.is_some());
    cloud
        .wait_for("the late create", RECOVERY, over)
        .await
        .unwrap();
    fixture.converges(&end).await;
    assert!(operator.terminate().await.success());
    fixture.still(&end).await;
}

/// What happens before the create is carried out, and how it must end then.
async fn meanwhile(fixture: &CrashFixture, case: HardCase) -> CrashEnd {
    let end = CrashScene::Create.end(fixture);
    if let (HardCase::Wiped, CrashEnd::Held(held)) = (case, &end) {
        // The process lives: it puts the record back, and the row is known to be ours. On a busy machine the row may have been
        // claimed by the time that this test wipes: then the status holds its id, the record is closed, and nobody needs it back.
        let status = wipe(fixture).await.status.unwrap_or_default();
        return CrashEnd::Held(HeldCallback {
            recorded: status.closed_operation.is_none(),
            ..held.clone()
        });
    }
    case.meanwhile(fixture, end).await
}

/// The first create.
fn first(cloud: &live_simulator::Cloud) -> Option<live_simulator::LoggedCall> {
    let mut calls = cloud.calls().into_iter();
    calls.find(|call| call.operation == LoggedOperation::Create)
}
