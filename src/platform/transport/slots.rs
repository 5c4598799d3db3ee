//! How many calls are under way at once. Each holds a descriptor, and whoever names hosts that never answer must not take those of the
//! others: the host that has fewest is served first, and of those that hold a slot for long there is a bound together, however many they
//! are. Sends nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::lock::lock;

/// How many in all: a quarter of the descriptors that a process usually may have.
const AT_ONCE: usize = 256;
/// How many to one host.
const TO_ONE_HOST: usize = 128;
/// A call that holds its slot for longer is slow.
const QUICK: Duration = Duration::from_secs(5);
/// A host is not taken for slow while its last quick call is not longer ago: more than an account's sweep has its turn once.
const QUICK_FOR: Duration = Duration::from_mins(15);
/// Of so many hosts it is remembered how long their calls took.
const MOST_KNOWN: usize = 4096;

/// The slots of all calls.
pub(super) struct CallSlots(Mutex<HostQueues<oneshot::Sender<()>>>);

/// Leave to have one call under way, until it is dropped.
#[derive(Default)]
pub struct CallSlot {
    _claim: Option<HostClaim>,
}

/// A slot, or the claim to one of who waits for it. Given up when dropped.
struct HostClaim {
    slots: Arc<CallSlots>,
    host: String,
    arrival: u64,
}

impl CallSlots {
    /// All are free.
    pub(super) fn new() -> Self {
        Self(Mutex::new(HostQueues::new(AT_ONCE, TO_ONE_HOST)))
    }

    /// Waits for a slot of a call to this host.
    pub(super) async fn take(self: &Arc<Self>, host: &str) -> CallSlot {
        let (reply, granted) = oneshot::channel();
        let arrival = lock(&self.0).push(host, reply);
        let claim = HostClaim {
            slots: Arc::clone(self),
            host: host.to_owned(),
            arrival,
        };
        self.grant();
        // No error: who has lined up is served, or leaves of itself.
        let _ = granted.await;
        CallSlot {
            _claim: Some(claim),
        }
    }

    /// A call to this host that had a slot has ended, after so long.
    pub(super) fn note(&self, host: &str, took: Duration) {
        lock(&self.0).note(host, took < QUICK, Instant::now());
        self.grant();
    }

    /// Hands out what is free.
    fn grant(&self) {
        let next = || lock(&self.0).grant();
        for granted in std::iter::from_fn(next) {
            // An error means that it is leaving, and gives the slot back itself.
            let _ = granted.send(());
        }
    }
}

impl Drop for HostClaim {
    fn drop(&mut self) {
        lock(&self.slots.0).leave(&self.host, self.arrival);
        self.slots.grant();
    }
}

/// Who calls, and who waits to call: pure.
struct HostQueues<T> {
    total: usize,
    to_one: usize,
    taken: usize,
    /// Those that are called, or are to be called.
    hosts: BTreeMap<String, HostQueue<T>>,
    /// When a call to a host ended last that says how it is.
    known: BTreeMap<String, (HostPace, Instant)>,
    arrivals: u64,
}

/// How long the calls to a host hold their slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HostPace {
    Slow,
    /// Nobody knows yet.
    New,
    Quick,
}

struct HostQueue<T> {
    pace: HostPace,
    held: usize,
    waiting: BTreeMap<u64, T>,
}

impl<T> HostQueues<T> {
    fn new(total: usize, to_one: usize) -> Self {
        Self {
            total,
            to_one,
            taken: 0,
            hosts: BTreeMap::new(),
            known: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// Lines up, and tells where.
    fn push(&mut self, host: &str, waiter: T) -> u64 {
        self.arrivals += 1;
        let pace = self.known.get(host).map_or(HostPace::New, |known| known.0);
        let queue = self.hosts.entry(host.to_owned());
        let queue = queue.or_insert_with(|| HostQueue {
            pace,
            held: 0,
            waiting: BTreeMap::new(),
        });
        queue.waiting.insert(self.arrivals, waiter);
        self.arrivals
    }

    /// Leaves the queue, or gives the slot back that it was given.
    fn leave(&mut self, host: &str, arrival: u64) {
        let Some(queue) = self.hosts.get_mut(host) else {
            return;
        };
        if queue.waiting.remove(&arrival).is_none() {
            queue.held -= 1;
            self.taken -= 1;
        }
        if queue.held == 0 && queue.waiting.is_empty() {
            self.hosts.remove(host);
        }
    }

    /// A call to a host that holds a slot has ended, quickly or not.
    fn note(&mut self, host: &str, is_quick: bool, now: Instant) {
        let Some(queue) = self.hosts.get_mut(host) else {
            return;
        };
        let known = self.known.get(host);
        let pace = match known {
            _ if is_quick => HostPace::Quick,
            Some((HostPace::Quick, at)) if now.duration_since(*at) < QUICK_FOR => return,
            Some(_) | None => HostPace::Slow,
        };
        queue.pace = pace;
        if known.is_none() && self.known.len() >= MOST_KNOWN {
            let least = self.known.iter().min_by_key(|(_, known)| **known);
            let least = least.map(|(host, _)| host.clone());
            least.and_then(|host| self.known.remove(&host));
        }
        self.known.insert(host.to_owned(), (pace, now));
    }

    /// Whether the hosts of a pace may have one more together: slow ones half of all, and with those of whom nobody knows three quarters.
    fn has_room(&self, pace: HostPace) -> bool {
        let held = |most: HostPace| {
            let alike = self.hosts.values().filter(|queue| queue.pace <= most);
            alike.map(|queue| queue.held).sum::<usize>()
        };
        let of_four = |quarters: usize| self.total * quarters / 4;
        match pace {
            HostPace::Quick => self.taken < self.total,
            HostPace::New => held(HostPace::New) < of_four(3),
            HostPace::Slow => held(HostPace::Slow) < of_four(2) && self.has_room(HostPace::New),
        }
    }

    /// Gives a slot to who is next, if there is one for it: to the host that has fewest, and of equals to who came first; slow ones last.
    fn grant(&mut self) -> Option<T> {
        if self.taken == self.total {
            return None;
        }
        let rooms = [HostPace::Slow, HostPace::New, HostPace::Quick];
        let rooms = rooms.map(|pace| self.has_room(pace));
        let waiting = self.hosts.values_mut().filter_map(|queue| {
            let (first, _) = queue.waiting.first_key_value()?;
            let key = (queue.pace == HostPace::Slow, queue.held, *first);
            let has_room = rooms.get(queue.pace as usize) == Some(&true);
            (queue.held < self.to_one && has_room).then_some((key, queue))
        });
        let (_, queue) = waiting.min_by_key(|(key, _)| *key)?;
        let (_, waiter) = queue.waiting.pop_first()?;
        queue.held += 1;
        self.taken += 1;
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
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
}
