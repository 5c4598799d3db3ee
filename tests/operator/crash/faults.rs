//! Whatever goes wrong between the operator and its servers, one thing at a time and mixed, a create, an update and a delete end
//! in the right world.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    PLACES,
    fixture::{CrashEnd, CrashFixture, HeldCallback},
    in_place, print_line,
    scene::CrashScene,
    trouble::{API_SERVER, CLOUD, CrashTrouble, end},
};
use crate::support::{
    chance::Dice,
    eventually,
    operator::OperatorProcess,
    proxy::{Harm, HarmedAnswer, HarmedCalls, StreamOrder},
    world::LIMIT,
};

/// A call that hangs, the pause after it, an open record and its settle time come one after the other.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a watch may be silent: the API server ends it before, if it is there.
const SILENCE: Duration = Duration::from_mins(5);

/// More calls in a run than this are made by something that goes round and round.
const MOST_CALLS: (usize, usize) = (250, 60);

/// How many mixtures are tried.
const MIXTURES: usize = 8;

#[tokio::test]
async fn every_trouble_with_the_api_server_ends_in_the_right_world() {
    let each = API_SERVER.into_iter().map(|trouble| vec![trouble]);
    run("troubles with the API server", each.collect()).await;
}

#[tokio::test]
async fn every_trouble_with_the_cloud_ends_in_the_right_world() {
    let each = CLOUD.into_iter().map(|trouble| vec![trouble]);
    run("troubles with the cloud", each.collect()).await;
}

#[tokio::test]
async fn troubles_with_both_at_once_end_in_the_right_world() {
    let mut chance = Dice::from_environment("FAULTS_SEED");
    let mixtures = (0..MIXTURES).map(|_| {
        let (with_api_server, with_cloud) = (chance.pick(&API_SERVER), chance.pick(&CLOUD));
        vec![*with_api_server, *with_cloud]
    });
    run("troubles with both", mixtures.collect()).await;
}

#[tokio::test]
async fn a_watch_that_fails_is_told_with_its_cause() {
    let fixture = CrashFixture::new(CrashScene::Create.settings(true)).await;
    let operator = fixture.operator().await;
    for calls in [HarmedCalls::Watch, HarmedCalls::List] {
        let harm = Harm::to(calls).times(usize::MAX);
        fixture.proxy.harm(harm.before(HarmedAnswer::page(500)));
    }
    let is_logged = |operator: &OperatorProcess, level: &str, text: &str| {
        let output = operator.output();
        let mut lines = output.lines();
        lines.any(|line| line.contains(&format!(r#""level":"{level}""#)) && line.contains(text))
    };
    eventually("the failure is told", LIMIT, async || {
        // Ready is said when all is listed: the watch may begin after that.
        fixture.proxy.watches(StreamOrder::End);
        let cause = "line 0";
        is_logged(&operator, "WARN", cause).then_some(())
    })
    .await;
    fixture.proxy.calm();
    CrashScene::Create.act(&fixture, json!({})).await;
    fixture
        .converges_within(PATIENCE, &CrashScene::Create.end(&fixture))
        .await;
    eventually("its end is told, too", LIMIT, async || {
        is_logged(&operator, "INFO", "the objects are watched again").then_some(())
    })
    .await;
    check_log(&operator);
}

#[tokio::test]
async fn a_watch_that_falls_silent_for_good_is_given_up() {
    let fixture = CrashFixture::new(CrashScene::Create.settings(true)).await;
    let _operator = fixture.operator().await;
    fixture.proxy.watches(StreamOrder::Freeze);
    CrashScene::Create.act(&fixture, json!({})).await;
    let end = CrashScene::Create.end(&fixture);
    fixture.converges_within(SILENCE + PATIENCE, &end).await;
}

#[tokio::test]
async fn an_outcome_that_meets_conflicts_is_written_with_pauses() {
    let fixture = CrashFixture::new(CrashScene::Create.settings(true)).await;
    let _operator = fixture.operator().await;
    let conflict = HarmedAnswer::error(409, "Conflict");
    let harm = Harm::to(HarmedCalls::Status).times(usize::MAX);
    fixture.proxy.harm(harm.before(conflict));
    CrashScene::Create.act(&fixture, json!({})).await;
    eventually("the first conflict", LIMIT, async || {
        (fixture.proxy.harmed() > 0).then_some(())
    })
    .await;
    // In so much time: on a busy machine there are fewer, never more.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let tries = fixture.proxy.harmed();
    assert!(tries <= 10, "{tries} in 3 s");
    fixture.proxy.calm();
    fixture
        .converges_within(PATIENCE, &CrashScene::Create.end(&fixture))
        .await;
}

/// Runs all three changes through each of these. Panics when one fails.
async fn run(what: &str, mixtures: Vec<Vec<CrashTrouble>>) {
    let runs = mixtures
        .iter()
        .cloned()
        .map(|troubles| in_place(Arc::clone(&PLACES), move || Box::pin(through(troubles))));
    let outcomes = join_all(runs).await;
    let failed: Vec<_> = mixtures
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .map(|(troubles, _)| names(troubles))
        .collect();
    let counts = || outcomes.iter().flatten();
    print_line(&format!(
        "{what}: {} runs, at most {} calls to the API server and {} to the cloud",
        mixtures.len(),
        counts()
            .map(|(api_server, _)| api_server)
            .max()
            .unwrap_or(&0),
        counts().map(|(_, cloud)| cloud).max().unwrap_or(&0),
    ));
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

fn names(troubles: &[CrashTrouble]) -> Vec<&'static str> {
    troubles.iter().map(|trouble| trouble.name).collect()
}

/// A create, an update and a delete while these troubles last. How many calls that took at the API server and at the cloud.
async fn through(troubles: Vec<CrashTrouble>) -> (usize, usize) {
    // Without uniqueness nothing but the operator stands in the way of a second callback.
    let fixture = CrashFixture::new(CrashScene::Create.settings(false)).await;
    let mut operator = fixture.operator().await;
    for scene in [CrashScene::Create, CrashScene::Update, CrashScene::Delete] {
        for trouble in &troubles {
            (trouble.begin)(&fixture);
        }
        scene.act(&fixture, json!({})).await;
        let lasts = troubles.iter().map(|trouble| trouble.lasts).max();
        let lasts = lasts.filter(|lasts| !lasts.is_zero());
        if let Some(lasts) = lasts {
            tokio::time::sleep(lasts).await;
            end(&fixture);
        }
        let recorded = troubles.iter().all(|trouble| trouble.recorded);
        let wanted = match scene.end(&fixture) {
            CrashEnd::Held(held) => CrashEnd::Held(HeldCallback { recorded, ..held }),
            end @ (CrashEnd::Gone | CrashEnd::Conflict { .. }) => end,
        };
        fixture.converges_within(PATIENCE, &wanted).await;
        end(&fixture);
    }
    let calls = fixture.world.cloud.calls();
    let harmed = calls.iter().filter(|call| call.fault.is_some()).count();
    assert!(fixture.proxy.harmed() + harmed > 0, "nothing was harmed");
    assert!(operator.terminate().await.success());
    check_log(&operator);
    let counts = (fixture.proxy.seen().len(), calls.len());
    let (api_server, cloud) = MOST_CALLS;
    assert!(counts.0 <= api_server && counts.1 <= cloud, "{counts:?}");
    counts
}

/// Whatever it was answered, each of its lines is one that programs can read.
pub(super) fn check_log(operator: &OperatorProcess) {
    for line in operator.output().lines() {
        let read: Result<Value, _> = serde_json::from_str(line);
        assert!(read.is_ok_and(|line| line.is_object()), "{line}");
    }
}
