//! Whose turn it is: lanes by priority, namespaces in turn, first come first served within a namespace. Pure: no clock, no waiting.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use crate::terms::lane::Lane;

/// Every token of this number goes to the lowest lane that waits, so that none is starved.
const LOWEST_EVERY: u64 = 20;

/// Within a lane: what finishes something that has begun, then the namespaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum QueueKey {
    /// Before every namespace.
    Next,
    /// One after the other.
    Of(String),
}

/// Everybody who waits for a token of one identity.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lanes: BTreeMap<Lane, LaneQueue<T>>,
    arrivals: u64,
    served: u64,
}

#[derive(Debug)]
struct LaneQueue<T> {
    queues: BTreeMap<QueueKey, BTreeMap<u64, T>>,
    last: QueueKey,
}

impl<T> Queue<T> {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self {
            lanes: BTreeMap::new(),
            arrivals: 0,
            served: 0,
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Lines up, and tells the number to leave with.
    pub(super) fn push(&mut self, lane: Lane, key: &QueueKey, waiter: T) -> u64 {
        self.arrivals += 1;
        self.lanes
            .entry(lane)
            .or_insert_with(|| LaneQueue {
                queues: BTreeMap::new(),
                last: QueueKey::Next,
            })
            .queues
            .entry(key.clone())
            .or_default()
            .insert(self.arrivals, waiter);
        self.arrivals
    }

    /// Leaves; nothing happens if that waiter was served already.
    pub(super) fn remove(&mut self, lane: Lane, key: &QueueKey, number: u64) -> Option<T> {
        let waiting = self.lanes.get_mut(&lane)?;
        let removed = waiting.queues.get_mut(key)?.remove(&number);
        self.tidy(lane, key);
        removed
    }

    /// The next one to get a token.
    pub(super) fn pop(&mut self) -> Option<T> {
        let to_lowest = (self.served + 1).is_multiple_of(LOWEST_EVERY);
        let (lane, waiting) = if to_lowest {
            self.lanes.last_key_value()
        } else {
            self.lanes.first_key_value()
        }?;
        let (lane, key) = (*lane, waiting.next_key()?.clone());
        let waiting = self.lanes.get_mut(&lane)?;
        let (_, waiter) = waiting.queues.get_mut(&key)?.pop_first()?;
        if key != QueueKey::Next {
            waiting.last = key.clone();
        }
        self.tidy(lane, &key);
        self.served += 1;
        Some(waiter)
    }

    /// How many tokens a newcomer would see granted up to its own, if nobody came after it.
    pub(super) fn position(&self, lane: Lane, key: &QueueKey) -> u64 {
        let higher = self
            .lanes
            .range(..lane)
            .map(|(_, waiting)| waiting.len())
            .sum::<u64>();
        let below = self.lanes.range((Excluded(lane), Unbounded));
        let lower = below.map(|(_, waiting)| waiting.len()).sum::<u64>();
        let before = self
            .lanes
            .get(&lane)
            .map_or(0, |waiting| waiting.before(key));
        let by_rank = higher + before + 1;
        let since_lowest = self.served % LOWEST_EVERY;
        if lower == 0 {
            by_rank.min(LOWEST_EVERY * (before + 1) - since_lowest)
        } else {
            by_rank + lower.min((by_rank + since_lowest - 1) / (LOWEST_EVERY - 1))
        }
    }

    fn tidy(&mut self, lane: Lane, key: &QueueKey) {
        let Some(waiting) = self.lanes.get_mut(&lane) else {
            return;
        };
        if waiting.queues.get(key).is_some_and(BTreeMap::is_empty) {
            waiting.queues.remove(key);
        }
        if waiting.queues.is_empty() {
            self.lanes.remove(&lane);
        }
    }
}

impl<T> LaneQueue<T> {
    fn len(&self) -> u64 {
        self.queues.values().map(count).sum()
    }

    fn next_key(&self) -> Option<&QueueKey> {
        self.queues.keys().min_by_key(|key| self.rank(key))
    }

    /// The order from here: `Next`, the namespaces after the last one served, then those from the start.
    fn rank<'a>(&self, key: &'a QueueKey) -> (bool, bool, &'a QueueKey) {
        (*key != QueueKey::Next, *key <= self.last, key)
    }

    fn before(&self, newcomer: &QueueKey) -> u64 {
        let rounds = self.queues.get(newcomer).map_or(0, count);
        self.queues
            .iter()
            .map(|(key, waiters)| {
                if key == newcomer || *key == QueueKey::Next {
                    return count(waiters);
                }
                if *newcomer == QueueKey::Next {
                    return 0;
                }
                count(waiters).min(rounds + u64::from(self.rank(key) < self.rank(newcomer)))
            })
            .sum()
    }
}

fn count<T>(waiters: &BTreeMap<u64, T>) -> u64 {
    u64::try_from(waiters.len()).unwrap_or(u64::MAX)
}
