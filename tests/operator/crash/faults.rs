//! Whatever goes wrong between the operator and its servers, one thing at a time and mixed, a create, an update and a delete end
//! in the right world.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    ABREAST,
    ground::{End, Ground, Held},
    in_place,
    scene::Scene,
    tell,
    trouble::{API_SERVER, CLOUD, Trouble, end},
};
use crate::support::{chance::Chance, operator::Operator};

/// A call that hangs, the pause after it, an open record and its settle time come one after the other.
const PATIENCE: Duration = Duration::from_secs(90);

/// More calls in a run than this are made by something that goes round and round.
const MOST_CALLS: (usize, usize) = (250, 60);

/// How many mixtures are tried.
const MIXTURES: usize = 12;

#[tokio::test]
async fn every_trouble_with_the_api_server_ends_in_the_right_world() {
    run(API_SERVER
        .into_iter()
        .map(|trouble| vec![trouble])
        .collect())
    .await;
}

#[tokio::test]
async fn every_trouble_with_the_cloud_ends_in_the_right_world() {
    run(CLOUD.into_iter().map(|trouble| vec![trouble]).collect()).await;
}

#[tokio::test]
async fn troubles_with_both_at_once_end_in_the_right_world() {
    let mut chance = Chance::from_environment("FAULTS_SEED");
    let mixtures = (0..MIXTURES).map(|_| {
        let with_api_server = [chance.pick(&API_SERVER), chance.pick(&API_SERVER)];
        let with_cloud = [chance.pick(&CLOUD), chance.pick(&CLOUD)];
        with_api_server
            .into_iter()
            .chain(with_cloud)
            .copied()
            .collect()
    });
    run(mixtures.collect()).await;
}

/// Runs all three changes through each of these. Panics when one fails.
async fn run(mixtures: Vec<Vec<Trouble>>) {
    let places = Arc::new(Semaphore::new(ABREAST));
    let runs = mixtures.iter().cloned().map(|troubles| {
        let places = Arc::clone(&places);
        in_place(places, move || Box::pin(through(troubles)))
    });
    let outcomes = join_all(runs).await;
    let failed: Vec<_> = mixtures
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .map(|(troubles, _)| names(troubles))
        .collect();
    let counts = || outcomes.iter().flatten();
    tell(&format!(
        "troubles: {} runs, at most {:?} calls to the API server and {:?} to the cloud",
        mixtures.len(),
        counts().map(|(api_server, _)| api_server).max(),
        counts().map(|(_, cloud)| cloud).max(),
    ));
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

fn names(troubles: &[Trouble]) -> Vec<&'static str> {
    troubles.iter().map(|trouble| trouble.name).collect()
}

/// A create, an update and a delete while these troubles last. How many calls that took at the API server and at the cloud.
async fn through(troubles: Vec<Trouble>) -> (usize, usize) {
    // Without uniqueness nothing but the operator stands in the way of a second callback.
    let ground = Ground::new(Scene::Create.settings(false)).await;
    let mut operator = ground.operator().await;
    for scene in [Scene::Create, Scene::Update, Scene::Delete] {
        for trouble in &troubles {
            (trouble.begin)(&ground);
        }
        scene.act(&ground, json!({})).await;
        let lasts = troubles.iter().map(|trouble| trouble.lasts).max();
        let lasts = lasts.filter(|lasts| !lasts.is_zero());
        if let Some(lasts) = lasts {
            tokio::time::sleep(lasts).await;
            end(&ground);
        }
        let recorded = troubles.iter().all(|trouble| trouble.recorded);
        let wanted = match scene.end(&ground) {
            End::Held(held) => End::Held(Held { recorded, ..held }),
            other => other,
        };
        ground.converges_within(PATIENCE, &wanted).await;
        end(&ground);
    }
    let calls = ground.world.cloud.calls();
    let harmed = calls.iter().filter(|call| call.fault.is_some()).count();
    assert!(ground.proxy.harmed() + harmed > 0, "nothing was harmed");
    assert!(operator.terminate().await.success());
    check_log(&operator);
    let counts = (ground.proxy.seen().len(), calls.len());
    let (api_server, cloud) = MOST_CALLS;
    assert!(counts.0 <= api_server && counts.1 <= cloud, "{counts:?}");
    counts
}

/// Whatever it was answered, each of its lines is one that programs can read.
pub(super) fn check_log(operator: &Operator) {
    for line in operator.output().lines() {
        let read: Result<Value, _> = serde_json::from_str(line);
        assert!(read.is_ok_and(|line| line.is_object()), "{line}");
    }
}
