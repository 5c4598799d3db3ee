//! The turns of namespaces: one after the other, first come first served within each.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

/// Who waits, by namespace.
#[derive(Debug)]
pub(super) struct NamespaceTurns<T> {
    queues: BTreeMap<String, BTreeMap<u64, T>>,
    /// The namespace that had the last turn.
    last: Option<String>,
}

impl<T> NamespaceTurns<T> {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self {
            queues: BTreeMap::new(),
            last: None,
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> u64 {
        self.queues.values().map(count).sum()
    }

    /// Lines up under a number that is higher than all before.
    pub(super) fn push(&mut self, namespace: &str, number: u64, waiter: T) {
        let queue = self.queues.entry(namespace.to_owned()).or_default();
        queue.insert(number, waiter);
    }

    /// Leaves; nothing happens if that waiter was served already.
    pub(super) fn remove(&mut self, namespace: &str, number: u64) -> Option<T> {
        let removed = self.queues.get_mut(namespace)?.remove(&number);
        self.tidy(namespace);
        removed
    }

    /// The first one of the namespace whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let namespace = self.next()?.clone();
        let (_, waiter) = self.queues.get_mut(&namespace)?.pop_first()?;
        self.tidy(&namespace);
        self.last = Some(namespace);
        Some(waiter)
    }

    /// How many would be served before a newcomer.
    pub(super) fn before(&self, newcomer: &str) -> u64 {
        let rounds = self.queues.get(newcomer).map_or(0, count);
        let others = self.queues.iter().map(|(namespace, waiters)| {
            if namespace == newcomer {
                return rounds;
            }
            let goes_first = self.rank(namespace) < self.rank(newcomer);
            count(waiters).min(rounds + u64::from(goes_first))
        });
        others.sum()
    }

    fn next(&self) -> Option<&String> {
        let last = self.last.as_deref();
        let after = last.and_then(|last| {
            let after = self.queues.range::<str, _>((Excluded(last), Unbounded));
            after.map(|(namespace, _)| namespace).next()
        });
        after.or_else(|| self.queues.keys().next())
    }

    /// The order from here: the namespaces after the last one served, then those from the start.
    fn rank<'a>(&self, namespace: &'a str) -> (bool, &'a str) {
        let had_its_turn = self.last.as_deref().is_some_and(|last| namespace <= last);
        (had_its_turn, namespace)
    }

    fn tidy(&mut self, namespace: &str) {
        if self.queues.get(namespace).is_some_and(BTreeMap::is_empty) {
            self.queues.remove(namespace);
        }
    }
}

fn count<T>(waiters: &BTreeMap<u64, T>) -> u64 {
    u64::try_from(waiters.len()).unwrap_or(u64::MAX)
}
