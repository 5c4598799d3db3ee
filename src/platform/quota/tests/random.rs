//! What must hold whatever happens: random waiters, holders, cancellations, throttlings and idle hours.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use crate::platform::quota::tests::{Line, MINUTE, at_once, bucket};
use crate::platform::quota::{Bucket, Lane};

/// What happens to the tokens of one batch of waiters.
#[derive(Debug, Clone, Copy)]
enum TokenFate {
    Accepted,
    Throttled(Option<u64>),
    Returned,
    Cancelled,
}

#[derive(Debug, Clone)]
struct Batch {
    after: u64,
    waiters: usize,
    lane: Lane,
    namespace: &'static str,
    held: u64,
    fate: TokenFate,
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![
        Just(Lane::Urgent),
        Just(Lane::Create),
        Just(Lane::Background)
    ]
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")]
}

fn batch() -> impl Strategy<Value = Batch> {
    let fate = prop_oneof![
        6 => Just(TokenFate::Accepted),
        1 => proptest::option::of(0..700_u64).prop_map(TokenFate::Throttled),
        2 => Just(TokenFate::Returned),
        1 => Just(TokenFate::Cancelled),
    ];
    let after = prop_oneof![Just(0), 0..2_000_u64, 0..90_000_u64, 0..7_200_000_u64];
    let held = prop_oneof![Just(0), 0..5_000_u64, 0..200_000_u64];
    (after, 1..300_usize, lane(), namespace(), held, fate).prop_map(
        |(after, waiters, lane, namespace, held, fate)| Batch {
            after,
            waiters,
            lane,
            namespace,
            held,
            fate,
        },
    )
}

fn in_virtual_time<T>(scenario: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(scenario)
}

async fn one_waiter(bucket: Bucket, batch: Batch, spends: Arc<Mutex<Vec<Instant>>>) {
    let held = Duration::from_millis(batch.held);
    let acquire = bucket.acquire(batch.lane, batch.namespace);
    if let TokenFate::Cancelled = batch.fate {
        drop(timeout(held, acquire).await);
        return;
    }
    let token = acquire.await;
    sleep(held).await;
    if let TokenFate::Returned = batch.fate {
        return;
    }
    spends.lock().unwrap().push(Instant::now());
    let call = token.spend();
    sleep(Duration::from_millis(100)).await;
    match batch.fate {
        TokenFate::Throttled(retry_after) => call.throttled(retry_after.map(Duration::from_secs)),
        TokenFate::Accepted | TokenFate::Returned | TokenFate::Cancelled => call.accepted(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_minute_holds_more_than_280_calls_and_no_token_is_lost(
        batches in proptest::collection::vec(batch(), 1..10),
    ) {
        in_virtual_time(async {
            let (bucket, spends) = (bucket(), Arc::<Mutex<Vec<Instant>>>::default());
            let mut waiters = Vec::new();
            for batch in batches {
                sleep(Duration::from_millis(batch.after)).await;
                for _ in 0..batch.waiters {
                    let waiter = one_waiter(bucket.clone(), batch.clone(), Arc::clone(&spends));
                    waiters.push(tokio::spawn(waiter));
                }
            }
            for waiter in waiters {
                timeout(MINUTE * 6000, waiter).await.expect("served some day").unwrap();
            }
            let spends = spends.lock().unwrap().clone();
            for (first, start) in spends.iter().enumerate() {
                let in_minute = spends[first..].iter().take_while(|at| **at - *start <= MINUTE);
                let count = in_minute.count();
                prop_assert!(count <= 280, "{} calls in the minute from {:?}", count, start);
            }
            sleep(MINUTE * 20).await;
            prop_assert_eq!(at_once(&bucket).await, 10);
            Ok(())
        })?;
    }

    #[test]
    fn an_estimate_is_what_a_newcomer_waits(
        queue in proptest::collection::vec((lane(), namespace()), 0..300),
        served_before in 0..40_usize,
        (lane, namespace) in (lane(), namespace()),
    ) {
        in_virtual_time(async {
            let bucket = bucket();
            let line = Line::new(&bucket);
            for (lane, namespace) in queue {
                line.up(lane, namespace, String::new()).await;
            }
            let waiting = line.served().len();
            sleep(Duration::from_millis(222 * u64::try_from(served_before).unwrap())).await;
            prop_assert!(line.served().len() >= waiting);
            let estimate = bucket.estimate(lane, namespace);
            let waited = bucket.acquire(lane, namespace).await.waited();
            // The one thing that an estimate leaves out: a lower lane that empties hands its token on.
            prop_assert!(waited <= estimate + Duration::from_millis(2), "{waited:?}, told {estimate:?}");
            prop_assert!(estimate <= waited + waited / 10 + Duration::from_secs(1), "{waited:?}, told {estimate:?}");
            Ok(())
        })?;
    }
}
