//! Whose turn it is, in virtual time.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Mutex;

use tokio::time::sleep;

use super::*;
use crate::plan::facts::time::later;

const INTERVAL: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn accounts_that_never_answer_hold_up_no_other() {
    const HANG: usize = 20;
    let began = Instant::now();
    let (due, sweeps) = (Mutex::new(HashMap::new()), Mutex::new(Vec::new()));
    let groups = |first| {
        let mut due = due.lock().unwrap();
        let group = |key: usize| (key, (*due.entry(key).or_insert(first), key));
        ready((0..=HANG).map(group).collect())
    };
    let (due_ref, turns_ref) = (&due, &sweeps);
    let sweep = |key: usize, pause: Duration| async move {
        turns_ref.lock().unwrap().push((key, began.elapsed()));
        if key < HANG {
            sleep(INTERVAL * 5).await;
        }
        let next = Instant::now() + pause;
        due_ref.lock().unwrap().insert(key, next);
    };
    let swept =
        tokio::time::timeout(INTERVAL * 20, rounds(INTERVAL, INTERVAL, groups, sweep)).await;
    assert!(swept.is_err());
    let sweeps = sweeps.lock().unwrap();
    let pauses = |key| {
        let own = sweeps.iter().filter(|(of, _)| *of == key);
        let own: Vec<Duration> = own.map(|(_, at)| *at).collect();
        let all = [vec![Duration::ZERO], own].concat();
        let pauses = all.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        pauses.collect::<Vec<_>>()
    };
    let limit = INTERVAL + INTERVAL / 5 + INTERVAL / 10;
    let ours = pauses(HANG);
    assert!(ours.len() >= 14, "{ours:?}");
    assert!(
        ours.iter().all(|pause| (INTERVAL..=limit).contains(pause)),
        "{ours:?}"
    );
    for hanging in 0..HANG {
        let theirs = &pauses(hanging)[1..];
        assert!(
            theirs.iter().all(|pause| *pause >= INTERVAL * 5),
            "{theirs:?}"
        );
    }
}

#[test]
fn first_sweeps_come_within_an_interval_and_at_another_time_in_each_process() {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let pauses = (0..1000_u64).map(|number| {
        let start = later(start, Duration::from_millis(number * 7));
        first_pause(INTERVAL, start)
    });
    let mut pauses: Vec<Duration> = pauses.collect();
    pauses.sort();
    let soonest = INTERVAL.mul_f64(1.0 / 6.0);
    assert!(pauses[0] >= soonest && pauses[999] <= INTERVAL);
    // A process that lives for three quarters of an interval sweeps more often than not.
    let in_time = pauses.iter().filter(|pause| **pause < INTERVAL * 3 / 4);
    assert!((600..800).contains(&in_time.count()));
}
