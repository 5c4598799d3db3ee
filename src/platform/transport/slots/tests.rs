//! Who is served, beside hosts that hold their slots for long.

use futures::FutureExt as _;
use tokio::task::unconstrained;

use super::*;

/// As many as a host may have of those that are free, and no more than so many.
fn take(slots: &Arc<CallSlots>, host: &str, most: usize) -> Vec<CallSlot> {
    let taken = std::iter::from_fn(|| unconstrained(slots.take(host)).now_or_never());
    taken.take(most).collect()
}

/// A host is known by a call that took so long.
fn make_known(slots: &Arc<CallSlots>, host: &str, took: Duration) {
    let slot = take(slots, host, 1);
    assert_eq!(slot.len(), 1, "{host}");
    slots.note(host, took);
}

/// Hosts each of which wants two slots: how many they got, each one at first.
fn crowd(slots: &Arc<CallSlots>, name: &str, hosts: usize) -> Vec<CallSlot> {
    let names = (0..hosts).map(|number| format!("{name}-{number}"));
    let names: Vec<String> = names.collect();
    let each = names.iter().chain(&names);
    each.flat_map(|host| take(slots, host, 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn hosts_that_hold_their_slots_for_long_leave_room_for_the_others() {
    let slots = Arc::new(CallSlots::new());
    make_known(&slots, "quick", QUICK / 2);
    let new = crowd(&slots, "silent", 1000);
    assert_eq!(new.len(), AT_ONCE * 3 / 4, "nobody knows them yet");
    assert_eq!(take(&slots, "quick", 10).len(), 10);
    for number in 0..1000 {
        slots.note(&format!("silent-{number}"), QUICK);
    }
    drop(new);
    (0..1000).for_each(|number| {
        let host = format!("silent-{number}");
        let slot = take(&slots, &host, 1);
        slots.note(&host, QUICK);
        drop(slot);
    });
    let slow = crowd(&slots, "silent", 1000);
    assert_eq!(slow.len(), AT_ONCE / 2, "they are slow");
    let new = crowd(&slots, "new", 1000);
    assert_eq!(new.len(), AT_ONCE / 4);
    assert_eq!(take(&slots, "quick", 1000).len(), AT_ONCE / 4);

    drop(new);
    let mut slow = slow;
    let mut waits = Box::pin(unconstrained(slots.take("silent-999")));
    assert!(waits.as_mut().now_or_never().is_none());
    let mut begins = Box::pin(unconstrained(slots.take("begins")));
    assert!(begins.as_mut().now_or_never().is_some());
    slow.pop();
    assert!(waits.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_quick_is_not_slow_for_one_call() {
    let slots = Arc::new(CallSlots::new());
    let pace = |slots: &CallSlots| lock(&slots.0).known["host"].0;
    make_known(&slots, "host", Duration::ZERO);
    tokio::time::advance(QUICK_FOR / 2).await;
    make_known(&slots, "host", QUICK);
    assert_eq!(pace(&slots), HostPace::Quick);
    tokio::time::advance(QUICK_FOR / 2).await;
    make_known(&slots, "host", QUICK);
    assert_eq!(pace(&slots), HostPace::Slow, "it was so for long");
    make_known(&slots, "host", Duration::ZERO);
    assert_eq!(pace(&slots), HostPace::Quick, "it is well again");
}

#[tokio::test(start_paused = true)]
async fn of_no_more_hosts_than_so_many_is_known_how_they_are() {
    let slots = Arc::new(CallSlots::new());
    make_known(&slots, "quick", Duration::ZERO);
    for number in 0..MOST_KNOWN + 100 {
        make_known(&slots, &format!("slow-{number}"), QUICK);
    }
    let queues = lock(&slots.0);
    assert_eq!(queues.known.len(), MOST_KNOWN);
    assert!(queues.known.contains_key("quick") && queues.hosts.is_empty());
}

#[test]
fn one_host_has_half_and_all_together_no_more_than_there_are() {
    let slots = Arc::new(CallSlots::new());
    let silent = take(&slots, "silent", 1000);
    assert_eq!(silent.len(), TO_ONE_HOST);
    for quick in ["another", "third"] {
        make_known(&slots, quick, Duration::ZERO);
    }
    let others = take(&slots, "another", 100);
    assert_eq!(others.len(), 100);
    let third = take(&slots, "third", 1000);
    assert_eq!(silent.len() + others.len() + third.len(), AT_ONCE);
    drop(silent);
    assert_eq!(take(&slots, "third", 1000).len(), TO_ONE_HOST - third.len());
    drop((others, third));
    assert!(lock(&slots.0).hosts.is_empty());
    assert_eq!(lock(&slots.0).taken, 0);
}

#[test]
fn a_slot_that_comes_free_goes_to_the_host_that_has_fewest() {
    let mut queues = HostQueues::new(4, 3);
    let known = (HostPace::Quick, Instant::now());
    let quick = ["a", "b"].map(|host| (host.to_owned(), known));
    queues.known.extend(quick);
    let slow = (HostPace::Slow, Instant::now());
    queues.known.insert("slow".to_owned(), slow);
    let push = |queues: &mut HostQueues<_>, host| queues.push(host, host);
    let first = push(&mut queues, "a");
    for host in ["a", "a", "a", "a", "b", "b"] {
        push(&mut queues, host);
    }
    let granted: Vec<_> = std::iter::from_fn(|| queues.grant()).collect();
    assert_eq!(granted, ["a", "b", "a", "b"]);
    let gone = push(&mut queues, "gone");
    push(&mut queues, "slow");
    push(&mut queues, "new");
    queues.leave("gone", gone);
    queues.leave("a", first);
    assert_eq!(queues.grant(), Some("new"), "it came last, and is not slow");
    assert_eq!(queues.grant(), None);
}

#[test]
fn who_waits_no_more_is_not_served() {
    let slots = Arc::new(CallSlots::new());
    let mut held = take(&slots, "host", 1000);
    let mut gone = Box::pin(slots.take("host"));
    assert!(gone.as_mut().now_or_never().is_none());
    let mut next = Box::pin(slots.take("host"));
    assert!(next.as_mut().now_or_never().is_none());
    drop(gone);
    held.pop();
    assert!(next.now_or_never().is_some());
}
