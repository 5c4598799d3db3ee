//! How many calls are under way at once. Each holds a descriptor, and whoever names hosts that never answer must not take those of the
//! others: the host that has fewest is served first. Sends nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::lock::lock;

/// How many in all: a quarter of the descriptors that a process usually may have.
const AT_ONCE: usize = 256;
/// How many to one host.
const TO_ONE_HOST: usize = 128;

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
    arrivals: u64,
}

struct HostQueue<T> {
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
            arrivals: 0,
        }
    }

    /// Lines up, and tells where.
    fn push(&mut self, host: &str, waiter: T) -> u64 {
        self.arrivals += 1;
        let queue = self.hosts.entry(host.to_owned());
        let queue = queue.or_insert_with(|| HostQueue {
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

    /// Gives a slot to who is next, if there is one for it: to the host that has fewest, and of equals to who came first.
    fn grant(&mut self) -> Option<T> {
        if self.taken == self.total {
            return None;
        }
        let waiting = self.hosts.values_mut().filter_map(|queue| {
            let (first, _) = queue.waiting.first_key_value()?;
            (queue.held < self.to_one).then_some((queue.held, *first, queue))
        });
        let (_, _, queue) = waiting.min_by_key(|(held, first, _)| (*held, *first))?;
        let (_, waiter) = queue.waiting.pop_first()?;
        queue.held += 1;
        self.taken += 1;
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// As many as a host may have of those that are free, and no more than so many.
    fn take(slots: &Arc<CallSlots>, host: &str, most: usize) -> Vec<CallSlot> {
        let taken = std::iter::from_fn(|| slots.take(host).now_or_never());
        taken.take(most).collect()
    }

    #[test]
    fn one_host_has_half_and_all_together_no_more_than_there_are() {
        let slots = Arc::new(CallSlots::new());
        let silent = take(&slots, "silent", 1000);
        assert_eq!(silent.len(), TO_ONE_HOST);
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
        let push = |queues: &mut HostQueues<_>, host| queues.push(host, host);
        let first = push(&mut queues, "a");
        for host in ["a", "a", "a", "a", "b", "b"] {
            push(&mut queues, host);
        }
        let granted: Vec<_> = std::iter::from_fn(|| queues.grant()).collect();
        assert_eq!(granted, ["a", "b", "a", "b"]);
        let gone = push(&mut queues, "gone");
        push(&mut queues, "new");
        queues.leave("gone", gone);
        queues.leave("a", first);
        assert_eq!(queues.grant(), Some("new"), "it came last, and has none");
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
