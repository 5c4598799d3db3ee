//! How many calls are under way at once. Each holds a descriptor, and whoever names hosts that never answer must not take those of the
//! others: the host that has fewest is served first, of equals the one whose calls take least, and of those that hold a slot for long
//! there is a bound together, however many they are. Sends nothing.

use std::cmp::Reverse;
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
/// A host whose calls hold their slots for longer, on the average, is slow.
const QUICK: Duration = Duration::from_secs(5);
/// What the last call counts for in the average, as a part of it: one call that meets the time limit (15 s) makes no host slow, the
/// second in a row does, and so does every other one.
const PART_OF_LAST: u32 = 4;
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
        lock(&self.0).note(host, took, Instant::now());
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
    known: BTreeMap<String, KnownHost>,
    arrivals: u64,
}

/// How long the calls to a host held their slots, on the average, and when the last ended.
#[derive(Clone, Copy)]
struct KnownHost {
    average: Duration,
    at: Instant,
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
    /// As in [`KnownHost`].
    average: Option<Duration>,
    held: usize,
    waiting: BTreeMap<u64, T>,
}

impl KnownHost {
    /// A host of which this is known, and then a call took so long. Pure.
    fn after(known: Option<Self>, took: Duration, at: Instant) -> Self {
        let average = known.map_or(took, |known| {
            (known.average * (PART_OF_LAST - 1) + took) / PART_OF_LAST
        });
        Self { average, at }
    }
}

impl<T> HostQueue<T> {
    fn pace(&self) -> HostPace {
        match self.average {
            None => HostPace::New,
            Some(average) if average < QUICK => HostPace::Quick,
            Some(_) => HostPace::Slow,
        }
    }
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
        let average = self.known.get(host).map(|known| known.average);
        let queue = self.hosts.entry(host.to_owned());
        let queue = queue.or_insert_with(|| HostQueue {
            average,
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

    /// A call to a host that holds a slot has ended, after so long.
    fn note(&mut self, host: &str, took: Duration, now: Instant) {
        let Some(queue) = self.hosts.get_mut(host) else {
            return;
        };
        let known = self.known.get(host).copied();
        let known_now = KnownHost::after(known, took, now);
        queue.average = Some(known_now.average);
        if known.is_none() && self.known.len() >= MOST_KNOWN {
            let worth = |known: &KnownHost| (Reverse(known.average), known.at);
            let least = self.known.iter().min_by_key(|(_, known)| worth(known));
            let least = least.map(|(host, _)| host.clone());
            least.and_then(|host| self.known.remove(&host));
        }
        self.known.insert(host.to_owned(), known_now);
    }

    /// Whether the hosts of a pace may have one more together: slow ones half of all, and with those of whom nobody knows three quarters.
    fn has_room(&self, pace: HostPace) -> bool {
        let held = |most: HostPace| {
            let alike = self.hosts.values().filter(|queue| queue.pace() <= most);
            alike.map(|queue| queue.held).sum::<usize>()
        };
        let of_four = |quarters: usize| self.total * quarters / 4;
        match pace {
            HostPace::Quick => self.taken < self.total,
            HostPace::New => held(HostPace::New) < of_four(3),
            HostPace::Slow => held(HostPace::Slow) < of_four(2) && self.has_room(HostPace::New),
        }
    }

    /// Gives a slot to who is next, if there is one for it: to the host that has fewest, of equals to the one whose calls take least (in
    /// whole seconds), and then to who came first; slow ones last.
    fn grant(&mut self) -> Option<T> {
        if self.taken == self.total {
            return None;
        }
        let rooms = [HostPace::Slow, HostPace::New, HostPace::Quick];
        let rooms = rooms.map(|pace| self.has_room(pace));
        let waiting = self.hosts.values_mut().filter_map(|queue| {
            let (first, _) = queue.waiting.first_key_value()?;
            let (pace, average) = (queue.pace(), queue.average.unwrap_or(QUICK).as_secs());
            let key = (pace == HostPace::Slow, queue.held, average, *first);
            let has_room = rooms.get(pace as usize) == Some(&true);
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
mod tests;
