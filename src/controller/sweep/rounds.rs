//! When each group is swept: once an interval, jittered, side by side. Knows nothing of what a sweep does.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior};

use crate::plan::step::backoff::lengthened;

/// The shortest and the longest time between two looks at whose turn it is.
const CHECK_INTERVAL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Gives each group its turn when it is due, and a pause after it. One whose turn takes long delays nobody else. Those that are there at
/// the start have their first turn `after` a part of the interval: where it began anew with each process, one that never lives for so
/// long would have none.
pub(super) async fn rounds<K, G, D, T>(
    interval: Duration,
    after: Duration,
    groups: impl Fn(Instant) -> D,
    sweep: impl Fn(G, Duration) -> T,
) where
    K: Clone + Eq + Hash,
    D: Future<Output = HashMap<K, (Instant, G)>>,
    T: Future<Output = ()>,
{
    let (mut under_way, mut sweeps) = (HashSet::new(), FuturesUnordered::new());
    let pause = (interval / 10).clamp(CHECK_INTERVAL.0, CHECK_INTERVAL.1);
    let start = Instant::now();
    let mut check = tokio::time::interval(pause);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut salt = 0_u32;
    loop {
        tokio::select! {
            Some(key) = sweeps.next() => {
                under_way.remove(&key);
                continue;
            }
            _ = check.tick() => {}
        }
        let now = Instant::now();
        let first = if now < start + pause * 2 {
            start + after
        } else {
            now + lengthened(interval, salt, "sweep")
        };
        for (key, (due, group)) in groups(first).await {
            if due <= now && under_way.insert(key.clone()) {
                salt = salt.wrapping_add(1);
                let pause = lengthened(interval, salt, "sweep");
                sweeps.push(sweep(group, pause).map(|()| key));
            }
        }
    }
}
