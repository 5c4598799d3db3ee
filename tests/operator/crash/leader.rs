//! Several operators: with a Lease one acts at a time, and without one they still keep exactly one callback for each object.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use live_simulator::{LoggedOperation, SimulatorSettings};
use serde_json::json;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    fixture::{CrashEnd, CrashFixture, RECOVERY},
    hard::HardCase,
    in_place, print_line,
    scene::{CrashScene, EDITED},
};
use crate::support::{
    eventually,
    lease::{allow_lease, is_leading, leads},
    operator::OperatorProcess,
    proxy::{Harm, HarmedAnswer, HarmedCalls},
    trap::{Blow, Point, strike},
    world::{LIMIT, OperatorWorld},
};

/// How long the Lease of these tests holds.
const LEASE: Duration = Duration::from_secs(10);

/// How many worlds of two operators there are at once: leaders that find no processor in time lose their Lease.
const PAIRS: usize = 20;

/// Within this a leader comes by the point at which it is to be stopped, if it does at all.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn two_operators_without_a_lease_make_one_callback_for_each_object() {
    for uniqueness in [true, false] {
        let world = OperatorWorld::with(SimulatorSettings {
            uniqueness,
            ..SimulatorSettings::default()
        })
        .await;
        let _operators = (world.operator().await, world.operator().await);
        let names: Vec<String> = (0..10).map(|number| format!("push-{number}")).collect();
        join_all(names.iter().map(|name| world.create(name, json!({})))).await;
        for name in &names {
            let id = world.ready(name).await.callback_id;
            let rows = world.cloud.rows().into_iter();
            let domain = format!("{name}.example.com");
            let ids: Vec<_> = rows
                .filter(|row| row.publish_domain == domain)
                .map(|row| row.id)
                .collect();
            assert_eq!(ids, Vec::from_iter(id), "{name}, uniqueness {uniqueness}");
        }
        let made = world.cloud.mutations().len();
        assert_eq!(made, names.len(), "uniqueness {uniqueness}");

        let edit = json!({ "spec": { "notifyCallbackURL": EDITED } });
        join_all(names.iter().map(|name| world.patch(name, edit.clone()))).await;
        for name in &names {
            let id = world.ready(name).await.callback_id.unwrap();
            let row = world.cloud.row(&id).unwrap();
            assert_eq!(row.notify_callback_url.as_deref(), Some(EDITED), "{name}");
        }
        assert_eq!(world.cloud.rows().len(), names.len());
        assert_eq!(
            world.count(LoggedOperation::Create),
            names.len(),
            "no other was made"
        );

        join_all(names.iter().map(|name| world.delete(name))).await;
        for name in &names {
            world.gone(name).await;
        }
        assert_eq!(world.cloud.rows(), []);
    }
}

#[tokio::test]
async fn a_standby_takes_over_in_time() {
    let fixture = fixture(true).await;
    let mut operator = leader(&fixture).await;
    let (mut graceful, mut sudden) = (Duration::MAX, Duration::MAX);
    // The fastest counts: a busy machine adds to some of them, a wait for the Lease to run out would add to all.
    for _ in 0..2 {
        let next = standby(&fixture).await;
        let stopped = Instant::now();
        assert!(operator.terminate().await.success());
        leads(&next).await;
        graceful = graceful.min(stopped.elapsed());

        let last = standby(&fixture).await;
        let killed = Instant::now();
        operator = next;
        operator.kill().await;
        leads(&last).await;
        sudden = sudden.min(killed.elapsed());
        operator = last;
    }
    print_line(&format!(
        "take-over: {graceful:?} after SIGTERM, {sudden:?} after kill -9 with a Lease of {LEASE:?}"
    ));
    assert!(graceful < LEASE / 2, "{graceful:?}");
    assert!(sudden < LEASE + LEASE / 2, "{sudden:?}");

    CrashScene::Create.act(&fixture, json!({})).await;
    fixture.converges(&CrashScene::Create.end(&fixture)).await;
}

#[tokio::test]
async fn a_renewal_that_hangs_is_made_again_on_another_connection() {
    let fixture = fixture(true).await;
    let mut operator = leader(&fixture).await;
    let hung = Harm::to(HarmedCalls::Lease);
    for (number, hung) in [
        hung.clone().before(HarmedAnswer::Hang),
        hung.after(HarmedAnswer::Hang),
    ]
    .into_iter()
    .enumerate()
    {
        fixture.proxy.harm(hung);
        let peers = eventually("it is renewed twice afterwards", LIMIT, async || {
            let seen = fixture.proxy.seen().into_iter();
            let lease = seen.filter(|seen| seen.calls == HarmedCalls::Lease);
            let mut harmed = 0;
            let after = lease.skip_while(|seen| {
                harmed += usize::from(seen.harmed);
                harmed <= number
            });
            let peers: Vec<_> = after.map(|seen| seen.peer).collect();
            (peers.len() >= 3).then_some(peers)
        })
        .await;
        assert!(!peers[1..].contains(&peers[0]), "{peers:?}");
    }
    CrashScene::Create.act(&fixture, json!({})).await;
    fixture.converges(&CrashScene::Create.end(&fixture)).await;
    assert!(operator.terminate().await.success(), "it led all the time");
}

#[tokio::test]
async fn a_leader_that_is_stopped_superseded_and_continued_does_no_harm() {
    let places = Arc::new(Semaphore::new(PAIRS));
    let mut runs = Vec::new();
    for unique in [true, false] {
        for scene in [CrashScene::Create, CrashScene::Update, CrashScene::Delete] {
            let golden = super::golden(scene, unique, HardCase::Nothing);
            let (points, _) = Box::pin(golden).await;
            runs.extend(points.into_iter().map(|point| (unique, scene, point)));
        }
    }
    let outcomes = runs.iter().map(|(unique, scene, point)| {
        let (unique, scene, point) = (*unique, *scene, *point);
        in_place(Arc::clone(&places), move || {
            superseded(unique, scene, point)
        })
    });
    let outcomes = join_all(outcomes).await;
    let failed: Vec<_> = runs
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .collect();
    let stopped = outcomes
        .iter()
        .flatten()
        .filter(|stopped| **stopped)
        .count();
    print_line(&format!(
        "stopped leaders: stopped at {stopped} of {} points",
        runs.len()
    ));
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
    assert!(
        (runs.len() - stopped) * 10 <= runs.len(),
        "{stopped} of {}",
        runs.len()
    );
}

/// The leader is stopped at a point, another one takes over and finishes, and the first one goes on. Whether it came by the point.
async fn superseded(unique: bool, scene: CrashScene, point: Point) -> bool {
    let fixture = fixture_of(scene.settings(unique)).await;
    super::prepare(&fixture, scene, HardCase::Nothing).await;
    let mut first = leader(&fixture).await;
    let mut second = standby(&fixture).await;
    let process = first.process();
    fixture
        .trap
        .set(point, Blow::Stop, process, &fixture.world.cloud);
    scene.act(&fixture, json!({})).await;
    let sprung = async {
        while !fixture.trap.has_sprung() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let stopped = tokio::time::timeout(PATIENCE, sprung).await.is_ok();
    if stopped {
        second = taken_over_by(second, &fixture).await;
        second = finished_by(second, &fixture, &scene.end(&fixture)).await;
        strike("-CONT", process);
        // It sees that it leads no longer, and ends. As in a Deployment another one starts in its place.
        let ended = tokio::time::timeout(LIMIT, first.ended());
        ended.await.expect("it ends in time");
        first = standby(&fixture).await;
    }
    first = finished_by(first, &fixture, &scene.end(&fixture)).await;
    drop((first, second));
    stopped
}

/// Waits until it leads, or one that was started in its place.
async fn taken_over_by(mut operator: OperatorProcess, fixture: &CrashFixture) -> OperatorProcess {
    eventually("another one leads", LIMIT, async || {
        if operator.has_ended() {
            operator = standby(fixture).await;
        }
        is_leading(&operator).await.then_some(())
    })
    .await;
    operator
}

/// Waits until all is done. On a busy machine whoever leads may lose its Lease by itself and end; then, as in a Deployment, another
/// one starts in its place.
async fn finished_by(
    mut operator: OperatorProcess,
    fixture: &CrashFixture,
    end: &CrashEnd,
) -> OperatorProcess {
    loop {
        tokio::select! {
            () = fixture.converges_within(LEASE + RECOVERY, end) => return operator,
            () = operator.ended() => operator = standby(fixture).await,
        }
    }
}

pub(super) async fn fixture(unique: bool) -> CrashFixture {
    fixture_of(CrashScene::Create.settings(unique)).await
}

/// A world in which the operator may keep a Lease, too.
async fn fixture_of(settings: SimulatorSettings) -> CrashFixture {
    let fixture = CrashFixture::new(settings).await;
    allow_lease(&fixture.world.namespace).await;
    fixture
}

pub(super) async fn leader(fixture: &CrashFixture) -> OperatorProcess {
    let operator = standby(fixture).await;
    leads(&operator).await;
    operator
}

/// One that waits while another one leads.
async fn standby(fixture: &CrashFixture) -> OperatorProcess {
    let namespace = format!("--lease-namespace={}", fixture.world.namespace.name());
    let duration = format!("--lease-duration={}s", LEASE.as_secs());
    fixture
        .operator_with(&["--leader-elect=true", &namespace, &duration])
        .await
}
