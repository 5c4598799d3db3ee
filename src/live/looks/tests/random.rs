//! A random life of an account: whatever happens, a look tells what was so.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use super::{LooksAccount, MINUTE, acquire_create, ask, cloud::LooksCloud};
use crate::live::looks::{LookRequest, Looks, Proof};
use crate::plan::facts::place::Place;

/// One step of a random life: after a while, somebody looks at a place, creates it, or a stranger does.
#[derive(Debug, Clone)]
enum LooksStep {
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

fn step() -> impl Strategy<Value = (u64, LooksStep)> {
    let proof = prop_oneof![Just(Proof::Absence), Just(Proof::Presence)];
    let step = prop_oneof![
        6 => (0..120_usize, 0..60_000_u64, proof)
            .prop_map(|(place, age, proof)| LooksStep::Look { place, age, proof }),
        2 => (60..120_usize).prop_map(|place| LooksStep::Create { place }),
        1 => (0..60_usize).prop_map(|place| LooksStep::Stranger { place }),
    ];
    (
        prop_oneof![3 => Just(0), 2 => 0..400_u64, 1 => 0..20_000_u64],
        step,
    )
}

async fn random_create(looks: Arc<Looks>, cloud: Arc<LooksCloud>, place: Place) {
    let (token, creating) = acquire_create(&looks, "media").await;
    cloud.post(token, &place).await;
    looks.void_place(&place);
    drop(creating);
}

async fn random_look(looks: Arc<Looks>, cloud: Arc<LooksCloud>, ask: LookRequest) {
    let (place, not_before) = (ask.place.clone(), ask.not_before);
    let held: BTreeSet<_> = ids_at(&cloud, &place);
    let fresh = not_before >= Instant::now();
    let seen = match looks.look(ask).await {
        Ok(seen) => seen,
        Err(failure) => {
            assert!(
                failure.message.contains("changed while it was read"),
                "{failure:?}"
            );
            return;
        }
    };
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

fn ids_at(cloud: &LooksCloud, place: &Place) -> BTreeSet<String> {
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
            let account = LooksAccount::new(LooksCloud::with((200..200 + rows).map(place)));
            let (mut lives, mut created) = (Vec::new(), BTreeSet::new());
            for (after, step) in steps {
                sleep(Duration::from_millis(after)).await;
                let (looks, cloud) = (Arc::clone(&account.looks), Arc::clone(&account.cloud));
                match step {
                    LooksStep::Look { place: number, age, proof } => {
                        let age = Duration::from_millis(age.saturating_sub(30_000));
                        let not_before = Instant::now() - age;
                        let ask = LookRequest { not_before, proof, ..ask(&place(number)) };
                        lives.push(tokio::spawn(random_look(looks, cloud, ask)));
                    }
                    LooksStep::Create { place: number } if created.insert(number) => {
                        lives.push(tokio::spawn(random_create(looks, cloud, place(number))));
                    }
                    LooksStep::Create { .. } => {}
                    LooksStep::Stranger { place: number } => account.cloud.add(&place(number)),
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
