//! Many at once: what they cost, who goes first, and that creates and sweeps keep out of each other's way.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use super::{Account, MINUTE, ask, ask_now, cloud::Cloud, place};
use crate::{
    live::{
        looks::{Ask, Looks, Proof},
        quota::{Bucket, Lane},
    },
    plan::place::Place,
};

/// Creates as the controller does: a look at most a minute old, a token, and looks again when the token took too long.
async fn create(looks: Arc<Looks>, cloud: Arc<Cloud>, place: Place, namespace: String) {
    loop {
        let ask = Ask {
            namespace: namespace.clone(),
            ..ask(&place)
        };
        let seen = looks.look(ask).await.unwrap();
        assert!(
            seen.rows.is_empty() && seen.proves_absence,
            "{place}: {seen:?}"
        );
        let (token, creating) = looks.creating(&place, Lane::Create, &namespace).await;
        if seen.begun.elapsed() <= MINUTE {
            cloud.post(token, &place).await;
            drop(creating);
            return;
        }
    }
}

async fn create_all(account: &Account, places: Vec<Place>, namespaces: usize) {
    let creates = places.into_iter().enumerate().map(|(number, place)| {
        let namespace = format!("namespace{}", number % namespaces);
        let (looks, cloud) = (Arc::clone(&account.looks), Arc::clone(&account.cloud));
        tokio::spawn(create(looks, cloud, place, namespace))
    });
    for create in creates.collect::<Vec<_>>() {
        create.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_creates_cost_at_most_1050_calls() {
    let apps = |domains: usize| {
        move |number: usize| {
            Place::new(
                &format!("push{}.example.com", number % domains),
                &format!("app{number}"),
            )
        }
    };
    for (domains, namespaces) in [
        (1000, 1),
        (1000, 100),
        (1000, 700),
        (64, 10),
        (2, 1),
        (1, 5),
    ] {
        let held = (1000..1500).map(|number| Place::new("other.example.com", &number.to_string()));
        let account = Account::new(Cloud::with(held));
        let start = Instant::now();
        create_all(&account, (0..1000).map(apps(domains)).collect(), namespaces).await;
        let (calls, took) = (account.cloud.calls(), start.elapsed());
        let case = format!("{domains} domains, {namespaces} namespaces");
        let posts = calls.iter().filter(|call| call.starts_with("POST")).count();
        assert_eq!(posts, 1000, "{case}");
        assert!(calls.len() <= 1050, "{} calls, {case}", calls.len());
        assert!(account.cloud.busiest_minute() <= 280, "{case}");
        assert!(
            took < Duration::from_secs(1050 * 60 / 270 + 5),
            "{took:?}, {case}"
        );
        assert_eq!(account.cloud.rows().len(), 1500);
        account.cloud.assert_sweeps_and_creates_were_apart();
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_create_beside_a_sweep_in_the_background_does_not_wait_for_it() {
    let account = Account::new(Cloud::with((0..3000).map(place)));
    let looks = Arc::clone(&account.looks);
    let sweep = tokio::spawn(async move { looks.sweep(Instant::now(), Lane::Background).await });
    sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    create_all(&account, vec![place(9000)], 1).await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    let sweep = sweep.await.unwrap().unwrap();
    assert_eq!(
        sweep.total, 3001,
        "read anew after the create, which moved the total"
    );
    assert_eq!(sweep.rows.len(), 3001);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_beside_creates_is_no_proof_of_absence_but_one_that_creates_wait_for_is() {
    let account = Account::new(Cloud::with((0..300).map(place)));
    account
        .looks
        .sweep(Instant::now(), Lane::Background)
        .await
        .unwrap();
    let presence = Ask {
        proof: Proof::Presence,
        ..ask(&place(9000))
    };
    assert!(!account.looks.look(presence).await.unwrap().proves_absence);
    assert_eq!(account.cloud.calls().len(), 3);
    assert!(
        account
            .looks
            .look(ask(&place(9000)))
            .await
            .unwrap()
            .proves_absence
    );
    assert_eq!(account.cloud.calls()[3..], ["push9000.example.com 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_for_creates_waits_for_those_on_their_way_and_stops_new_ones() {
    let account = Account::new(Cloud::with((0..300).map(place)));
    let cloud = Arc::clone(&account.cloud);
    sleep(MINUTE).await;
    let (token, creating) = account
        .looks
        .creating(&place(9000), Lane::Create, "media")
        .await;
    let waiting: Vec<_> = (0..4)
        .map(|number| account.look(ask(&place(number))))
        .collect();
    sleep(Duration::from_secs(1)).await;
    assert!(cloud.calls().is_empty(), "a create is on its way");
    cloud.post(token, &place(9000)).await;
    drop(creating);
    // Another credential of the same project has looks of its own, and the same gate.
    let other = Looks::new(
        Arc::<Cloud>::clone(&cloud),
        account.bucket.clone(),
        Arc::clone(&account.gate),
        BTreeSet::new,
    );
    sleep(Duration::from_millis(10)).await;
    assert_eq!(cloud.calls().len(), 2, "the sweep has begun");
    let start = Instant::now();
    drop(other.creating(&place(9001), Lane::Create, "media").await);
    assert!(
        start.elapsed() >= Duration::from_millis(380),
        "four pages, {:?}",
        start.elapsed()
    );
    for look in waiting {
        assert!(look.await.unwrap().unwrap().proves_absence);
    }
}

#[tokio::test(start_paused = true)]
async fn creates_that_wait_at_the_gate_hold_no_token() {
    let account = Account::new(Cloud::with((0..3900).map(place)));
    let looks = account.look(ask(&place(1)));
    let crowd: Vec<_> = (0..999)
        .map(|number| account.look(ask(&place(number))))
        .collect();
    sleep(Duration::from_secs(1)).await;
    let creates: Vec<_> = (9000..9500)
        .map(|number| {
            let looks = Arc::clone(&account.looks);
            tokio::spawn(async move {
                drop(looks.creating(&place(number), Lane::Create, "media").await);
            })
        })
        .collect();
    looks.await.unwrap().unwrap();
    let took = Instant::now();
    for look in crowd {
        look.await.unwrap().unwrap();
    }
    assert_eq!(took.elapsed(), Duration::ZERO, "one sweep answers them all");
    assert_eq!(account.cloud.calls().len(), 39);
    for create in creates {
        timeout(MINUTE, create).await.unwrap().unwrap();
    }
}

/// Fills the queue of a lane.
fn queue(bucket: &Bucket, lane: Lane, waiters: usize) {
    for _ in 0..waiters {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.acquire(lane, "media").await.spend().accepted() });
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_goes_in_the_highest_lane_of_those_who_wait_for_it() {
    for (lane, at_least, at_most) in [(Lane::Background, 3, 30), (Lane::Urgent, 0, 1)] {
        let account = Account::new(Cloud::with([]));
        queue(&account.bucket, Lane::Create, 500);
        sleep(Duration::from_millis(1)).await;
        let background = account.look(Ask {
            lane: Lane::Background,
            ..ask(&place(1))
        });
        sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        let raises = account.look(Ask {
            lane,
            ..ask(&place(1))
        });
        background.await.unwrap().unwrap();
        raises.await.unwrap().unwrap();
        let took = start.elapsed().as_secs();
        assert!((at_least..=at_most).contains(&took), "{lane:?}: {took} s");
        assert_eq!(account.cloud.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_has_begun_is_raised_too() {
    let account = Account::new(Cloud::with((0..1000).map(place)));
    let looks = Arc::clone(&account.looks);
    let start = Instant::now();
    let sweep = tokio::spawn(async move { looks.sweep(start, Lane::Background).await });
    sleep(Duration::from_millis(10)).await;
    queue(&account.bucket, Lane::Create, 500);
    let urgent = Ask {
        proof: Proof::Presence,
        lane: Lane::Urgent,
        not_before: start,
        ..ask(&place(1))
    };
    assert_eq!(account.looks.look(urgent).await.unwrap().rows.len(), 1);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(sweep.await.unwrap().unwrap().rows.len(), 1000);
    assert_eq!(account.cloud.calls().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_nobody_waits_for_any_more_is_not_made() {
    let account = Account::new(Cloud::with((0..1000).map(place)));
    let spent = account.bucket.acquire(Lane::Urgent, "media").await.spend();
    let leaves = account.look(ask_now(&place(1)));
    let stays = account.look(ask_now(&place(1)));
    let alone = account.look(ask_now(&place(2)));
    sleep(Duration::from_millis(1)).await;
    leaves.abort();
    alone.abort();
    spent.accepted();
    stays.await.unwrap().unwrap();
    sleep(MINUTE).await;
    assert_eq!(account.cloud.calls(), ["push1.example.com 0"]);
    let looks = Arc::clone(&account.looks);
    let sweep = tokio::spawn(async move { looks.sweep(Instant::now(), Lane::Background).await });
    sleep(Duration::from_millis(250)).await;
    sweep.abort();
    sleep(MINUTE).await;
    assert!(
        account.cloud.calls().len() < 5,
        "{:?}",
        account.cloud.calls()
    );
    assert_eq!(
        account
            .looks
            .sweep(Instant::now(), Lane::Urgent)
            .await
            .unwrap()
            .total,
        1000
    );
}

/// One step of a random life: after a while, somebody looks at a place, creates it, or a stranger does.
#[derive(Debug, Clone)]
enum Step {
    Look {
        place: usize,
        age: u64,
        proof: Proof,
    },
    Create {
        place: usize,
    },
    Stranger {
        place: usize,
    },
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let proof = prop_oneof![Just(Proof::Free), Just(Proof::Presence)];
    let places = 0..120_usize;
    let step = prop_oneof![
        6 => (places.clone(), 0..60_000_u64, proof)
            .prop_map(|(place, age, proof)| Step::Look { place, age, proof }),
        2 => places.clone().prop_map(|place| Step::Create { place }),
        1 => places.prop_map(|place| Step::Stranger { place }),
    ];
    (
        prop_oneof![3 => Just(0), 2 => 0..400_u64, 1 => 0..20_000_u64],
        step,
    )
}

async fn random_create(looks: Arc<Looks>, cloud: Arc<Cloud>, place: Place) {
    let (token, creating) = looks.creating(&place, Lane::Create, "media").await;
    if !cloud.rows().iter().any(|row| row.place == place) {
        cloud.post(token, &place).await;
    }
    drop(creating);
}

async fn random_look(looks: Arc<Looks>, cloud: Arc<Cloud>, ask: Ask) {
    let (place, not_before) = (ask.place.clone(), ask.not_before);
    let held: BTreeSet<_> = ids_at(&cloud, &place);
    let fresh = not_before >= Instant::now();
    let seen = looks.look(ask).await.unwrap();
    assert!(seen.begun >= not_before);
    let listed: BTreeSet<_> = seen.rows.iter().map(|row| row.id.clone()).collect();
    assert!(seen.rows.iter().all(|row| row.place == place));
    assert!(
        listed.is_subset(&ids_at(&cloud, &place)),
        "a row that never was"
    );
    assert!(
        !fresh || held.is_subset(&listed),
        "{place}: saw {listed:?}, there was {held:?}"
    );
}

fn ids_at(cloud: &Cloud, place: &Place) -> BTreeSet<String> {
    let rows = cloud.rows();
    rows.into_iter()
        .filter(|row| row.place == *place)
        .map(|row| row.id)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_look_tells_was_so_after_the_time_that_was_asked_for(
        rows in 0..900_usize,
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let place = |number: usize| {
            Place::new(&format!("push{}.example.com", number % 17), &format!("app{number}"))
        };
        let scenario = async {
            let account = Account::new(Cloud::with((200..200 + rows).map(place)));
            let mut lives = Vec::new();
            for (after, step) in steps {
                sleep(Duration::from_millis(after)).await;
                let (looks, cloud) = (Arc::clone(&account.looks), Arc::clone(&account.cloud));
                match step {
                    Step::Look { place: number, age, proof } => {
                        let age = Duration::from_millis(age.saturating_sub(30_000));
                        let not_before = Instant::now() - age;
                        let ask = Ask { not_before, proof, ..ask(&place(number)) };
                        lives.push(tokio::spawn(random_look(looks, cloud, ask)));
                    }
                    Step::Create { place: number } => {
                        lives.push(tokio::spawn(random_create(looks, cloud, place(number))));
                    }
                    Step::Stranger { place: number } => account.cloud.add(&place(number)),
                }
            }
            for life in lives {
                timeout(MINUTE * 60, life).await.expect("ends some day").unwrap();
            }
            assert!(account.cloud.busiest_minute() <= 280);
        };
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(scenario);
    }
}
