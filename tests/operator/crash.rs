//! Exactly one, whatever dies or fails: the real program is killed at every call that it makes, started again, and must find its way by
//! itself. Where it can die is found by counting the calls of a run without a kill.

mod faults;
mod fixture;
mod hard;
mod late;
mod leader;
mod scene;
mod soak;
mod stale;
mod trouble;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::support::{
    print_line,
    trap::{Blow, Point},
};
use fixture::CrashFixture;
use hard::HardCase;
use scene::CrashScene;

/// How many worlds there are at once, of all these tests together: most of their time they wait.
const ABREAST: usize = 32;

/// Each world has one of these.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(ABREAST)));

#[tokio::test]
async fn a_kill_at_any_call_ends_with_exactly_one_callback() {
    let mut suites = Vec::new();
    for unique in [true, false] {
        for scene in CrashScene::ALL {
            suites.push((scene, unique, HardCase::Nothing));
        }
    }
    run("every change", suites).await;
}

#[tokio::test]
async fn what_happens_between_a_kill_and_the_restart_changes_nothing_of_that() {
    let mut suites = Vec::new();
    for unique in [true, false] {
        for case in HardCase::HARD {
            suites.push((CrashScene::Create, unique, case));
        }
    }
    run("the hard cases", suites).await;
}

/// Runs each suite without a kill, and then with one at each of its points. Panics when one fails.
async fn run(what: &str, suites: Vec<(CrashScene, bool, HardCase)>) {
    let suites = suites
        .into_iter()
        .map(|(scene, unique, case)| suite(Arc::clone(&PLACES), scene, unique, case));
    let outcomes: Vec<CrashOutcome> = join_all(suites).await.into_iter().flatten().collect();
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_none());
    let failed: Vec<&str> = failed.map(|(name, _)| name.as_str()).collect();
    let killed: Vec<Duration> = outcomes
        .iter()
        .filter_map(|(_, outcome)| (*outcome)?)
        .collect();
    print_line(&format!(
        "{what}: killed at {} of {} points, slowest recovery {:.1?}",
        killed.len(),
        outcomes.len(),
        killed.iter().max().copied().unwrap_or_default()
    ));
    assert!(
        failed.is_empty(),
        "{} of {} kill points failed:\n{}",
        failed.len(),
        outcomes.len(),
        failed.join("\n")
    );
    let missed = outcomes.len() - killed.len();
    assert!(
        missed * 20 <= outcomes.len(),
        "{missed} points were not met"
    );
}

/// The name of a run, and what came of it; `None` when it failed.
type CrashOutcome = (String, Option<Option<Duration>>);

async fn suite(
    places: Arc<Semaphore>,
    scene: CrashScene,
    unique: bool,
    case: HardCase,
) -> Vec<CrashOutcome> {
    let name = format!("{scene:?}, {case:?}, uniqueness {unique}");
    let golden = || in_place(Arc::clone(&places), move || golden(scene, unique, case));
    let (Some(first), Some(second)) = tokio::join!(golden(), golden()) else {
        return vec![(format!("{name}: without a kill"), None)];
    };
    // A busy machine may add to one of them a call that no other run comes by.
    let (points, story) = if second.0.len() < first.0.len() {
        second
    } else {
        first
    };
    eprintln!("{name}: {} points ({story})", points.len());
    assert!(!points.is_empty(), "{name}: {story}");
    let runs = points.into_iter().map(|point| {
        let run = move || crash(scene, unique, case, point);
        let name = format!("{name}: {point:?}");
        let places = Arc::clone(&places);
        async move { (name, in_place(places, run).await) }
    });
    join_all(runs).await
}

/// Runs it in a thread and a runtime of its own, once there is a place. `None` when it panicked.
async fn in_place<T: Send + 'static, F: Future<Output = T>>(
    places: Arc<Semaphore>,
    run: impl FnOnce() -> F + Send + 'static,
) -> Option<T> {
    let place = places.acquire_owned().await;
    let result = tokio::task::spawn_blocking(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(run())
    });
    let result = result.await.ok();
    drop(place);
    result
}

/// A run without a kill: the points, and what was counted.
async fn golden(scene: CrashScene, unique: bool, case: HardCase) -> (Vec<Point>, String) {
    let fixture = CrashFixture::new(case.settings(scene.settings(unique))).await;
    prepare(&fixture, scene, case).await;
    let mut operator = fixture.operator().await;
    fixture.trap.count();
    scene.act(&fixture, case.spec()).await;
    fixture.converges(&scene.end(&fixture)).await;
    // What is under way is brought to its end, so that nothing escapes the count.
    assert!(operator.terminate().await.success());
    (fixture.trap.points(), fixture.trap.describe())
}

/// A run with a kill at a point: how long the recovery took. `None` when this run did not come by that point: after a delete, for
/// one, a look at an object that is gone may come or not.
async fn crash(scene: CrashScene, unique: bool, case: HardCase, point: Point) -> Option<Duration> {
    let fixture = CrashFixture::new(case.settings(scene.settings(unique))).await;
    prepare(&fixture, scene, case).await;
    let mut first = fixture.operator().await;
    let process = first.process();
    fixture
        .trap
        .set(point, Blow::Kill, process, &fixture.world.cloud);
    scene.act(&fixture, case.spec()).await;
    let end = scene.end(&fixture);
    tokio::select! {
        () = first.ended() => {}
        () = fixture.converges(&end) => drop(first.terminate().await),
    }
    if !fixture.trap.has_sprung() {
        fixture.still(&end).await;
        return None;
    }
    fixture.trap.count();

    let end = case.meanwhile(&fixture, scene.end(&fixture)).await;
    let mut second = fixture.operator().await;
    let restarted = tokio::time::Instant::now();
    case.afterwards(&fixture, &end).await;
    fixture.converges(&end).await;
    let recovery = restarted.elapsed();
    assert!(second.terminate().await.success());
    fixture.still(&end).await;
    Some(recovery)
}

/// Brings the world to where the scene begins. The process that did so ends, so that none of its calls is counted.
async fn prepare(fixture: &CrashFixture, scene: CrashScene, case: HardCase) {
    if scene.prepare(fixture, case.spec()).await {
        let mut operator = fixture.operator().await;
        fixture.world.ready(fixture::NAME).await;
        assert!(operator.terminate().await.success());
    }
}
