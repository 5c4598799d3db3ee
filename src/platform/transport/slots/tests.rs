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

/// What a time limit is, usually.
const TIMED_OUT: Duration = Duration::from_secs(15);

#[test]
fn a_host_that_was_quick_is_slow_for_the_second_slow_call_and_for_every_other_one() {
    let slots = Arc::new(CallSlots::new());
    let call = |took: Duration| {
        make_known(&slots, "host", took);
        let mut queues = lock(&slots.0);
        let arrival = queues.push("host", oneshot::channel().0);
        let pace = queues.hosts["host"].pace();
        queues.leave("host", arrival);
        pace
    };
    assert_eq!(call(Duration::ZERO), HostPace::Quick);
    assert_eq!(call(TIMED_OUT), HostPace::Quick, "once");
    assert_eq!(call(TIMED_OUT), HostPace::Slow, "twice in a row");
    let well = [(); 4].map(|()| call(Duration::ZERO));
    assert_eq!(well.last(), Some(&HostPace::Quick), "it is well again");
    for _ in 0..3 {
        call(TIMED_OUT);
        call(Duration::ZERO);
    }
    let one_good_deed = call(Duration::ZERO);
    assert_eq!(one_good_deed, HostPace::Quick);
    let every_other = [0, 1, 0, 1, 0, 1].map(|slow| call(TIMED_OUT * slow));
    assert_eq!(every_other.last(), Some(&HostPace::Slow));
}

/// All of them were quick, and then one call of each took long; with one more they are slow, whatever they were.
#[test]
fn hosts_that_were_quick_once_do_not_stand_before_one_that_is_quick() {
    let slots = Arc::new(CallSlots::new());
    make_known(&slots, "quick", Duration::from_millis(100));
    for number in 0..1000 {
        let host = format!("was-quick-{number}");
        make_known(&slots, &host, Duration::ZERO);
        make_known(&slots, &host, TIMED_OUT);
    }
    let mut held = crowd(&slots, "was-quick", 1000);
    assert_eq!(held.len(), AT_ONCE, "one slow call makes none of them slow");
    let before = (0..1000).map(|number| format!("was-quick-{number}"));
    let before: Vec<String> = before.collect();
    let before = before
        .iter()
        .map(|host| Box::pin(unconstrained(slots.take(host))));
    let mut before: Vec<_> = before.collect();
    for waits in &mut before {
        assert!(waits.as_mut().now_or_never().is_none());
    }
    let mut waits = Box::pin(unconstrained(slots.take("quick")));
    assert!(waits.as_mut().now_or_never().is_none(), "all are taken");
    held.pop();
    assert!(waits.now_or_never().is_some(), "it came last");
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
    let took = |average| KnownHost {
        average,
        at: Instant::now(),
    };
    let quick = ["a", "b"].map(|host| (host.to_owned(), took(Duration::ZERO)));
    queues.known.extend(quick);
    queues.known.insert("slow".to_owned(), took(QUICK));
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
