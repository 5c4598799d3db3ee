//! Whose turn it is to work: the namespace that works least, and of equals one after the other. One slot is always left to the others. Pure:
//! no waiting.

use std::collections::BTreeMap;

/// Whether who waits has begun to work before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WorkStage {
    /// It goes on with it: what it has done is still to be told. Before those of its namespace that begin.
    Begun,
    /// It begins.
    New,
}

/// Where somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuePosition(WorkStage, u64);

/// All slots: who has how many, and who waits.
#[derive(Debug)]
pub(super) struct SlotShares<T> {
    total: usize,
    taken: usize,
    /// Those that have a slot, or wait.
    namespaces: BTreeMap<String, NamespaceShare<T>>,
    arrivals: u64,
    last_served: String,
    /// The first namespace that came.
    first: Option<String>,
    /// Another one came, too.
    is_shared: bool,
}

#[derive(Debug)]
struct NamespaceShare<T> {
    held: usize,
    waiting: BTreeMap<QueuePosition, T>,
}

impl<T> SlotShares<T> {
    /// So many slots, all free.
    pub(super) fn new(total: usize) -> Self {
        Self {
            total,
            taken: 0,
            namespaces: BTreeMap::new(),
            arrivals: 0,
            last_served: String::new(),
            first: None,
            is_shared: false,
        }
    }

    /// Lines up, and tells where.
    pub(super) fn push(&mut self, namespace: &str, stage: WorkStage, waiter: T) -> QueuePosition {
        let first = self.first.get_or_insert_with(|| namespace.to_owned());
        self.is_shared |= first != namespace;
        self.arrivals += 1;
        let position = QueuePosition(stage, self.arrivals);
        let share = self.namespaces.entry(namespace.to_owned());
        let share = share.or_insert_with(|| NamespaceShare {
            held: 0,
            waiting: BTreeMap::new(),
        });
        share.waiting.insert(position, waiter);
        position
    }

    /// Leaves the queue, or gives the slot back that it was given.
    pub(super) fn leave(&mut self, namespace: &str, position: QueuePosition) {
        let Some(share) = self.namespaces.get_mut(namespace) else {
            return;
        };
        if share.waiting.remove(&position).is_none() {
            share.held -= 1;
            self.taken -= 1;
        }
        if share.held == 0 && share.waiting.is_empty() {
            self.namespaces.remove(namespace);
        }
    }

    /// Gives a slot to the next one, if there is one for it.
    pub(super) fn grant(&mut self) -> Option<T> {
        let namespace = self.next()?.clone();
        let share = self.namespaces.get_mut(&namespace)?;
        let (_, waiter) = share.waiting.pop_first()?;
        share.held += 1;
        self.taken += 1;
        self.last_served = namespace;
        Some(waiter)
    }

    fn next(&self) -> Option<&String> {
        if self.taken == self.total {
            return None;
        }
        let waiting = self.namespaces.iter();
        let waiting =
            waiting.filter(|(_, share)| !share.waiting.is_empty() && self.may_have_more(share));
        let next =
            waiting.min_by_key(|(name, share)| (share.held, **name <= self.last_served, *name));
        next.map(|(name, _)| name)
    }

    /// The last slot is not for one that holds all others, once there is anybody else.
    fn may_have_more(&self, share: &NamespaceShare<T>) -> bool {
        let kept_free = usize::from(self.is_shared && self.total > 1);
        share.held < self.total - kept_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waits, and who works.
    struct WorkersInTurn {
        shares: SlotShares<(&'static str, QueuePosition)>,
        working: Vec<(&'static str, QueuePosition)>,
    }

    impl WorkersInTurn {
        fn new(total: usize, waiting: &[(&'static str, usize)]) -> Self {
            let mut queue = Self {
                shares: SlotShares::new(total),
                working: Vec::new(),
            };
            for &(namespace, count) in waiting {
                for _ in 0..count {
                    queue.push(namespace, WorkStage::New);
                }
            }
            queue
        }

        fn push(&mut self, namespace: &'static str, stage: WorkStage) -> QueuePosition {
            let position = QueuePosition(stage, self.shares.arrivals + 1);
            self.shares.push(namespace, stage, (namespace, position))
        }

        /// The namespaces that get a slot now.
        fn grant(&mut self) -> Vec<&'static str> {
            let served: Vec<_> = std::iter::from_fn(|| self.shares.grant()).collect();
            self.working.extend(&served);
            served.iter().map(|(namespace, _)| *namespace).collect()
        }

        /// One of this namespace has done its work.
        fn end(&mut self, namespace: &str) {
            let place = self.working.iter().position(|(name, _)| *name == namespace);
            let (_, position) = self.working.remove(place.unwrap());
            self.shares.leave(namespace, position);
        }
    }

    #[test]
    fn who_is_alone_has_all_and_who_is_not_leaves_one() {
        for total in [1, 2, 4, 16] {
            let mut queue = WorkersInTurn::new(total, &[("a", 50)]);
            assert_eq!(queue.grant().len(), total);
            queue.push("b", WorkStage::New);
            for _ in 0..total {
                queue.end("a");
            }
            let more = queue.grant();
            assert_eq!(more[0], "b");
            assert_eq!(more.len(), total, "those of the first have all but one");
            // The other one has gone, and may come again at any time.
            queue.end("b");
            assert_eq!(queue.grant().len(), usize::from(total == 1), "{total}");
        }
    }

    #[test]
    fn what_comes_back_goes_to_who_has_least_and_then_round() {
        let mut queue = WorkersInTurn::new(4, &[("a", 9), ("b", 9), ("c", 1)]);
        assert_eq!(queue.grant(), ["a", "b", "c", "a"]);
        queue.end("a");
        assert_eq!(queue.grant(), ["b"], "both have one, and a was the last");
        queue.push("c", WorkStage::New);
        queue.end("c");
        assert_eq!(queue.grant(), ["c"]);
    }

    #[test]
    fn who_has_none_waits_for_no_second_turn_of_another() {
        let mut queue = WorkersInTurn::new(1, &[("a", 50), ("b", 50), ("c", 50)]);
        let mut order = queue.grant();
        queue.push("bb", WorkStage::New);
        for _ in 0..6 {
            queue.end(order[order.len() - 1]);
            order.extend(queue.grant());
        }
        assert_eq!(order, ["a", "b", "bb", "c", "a", "b", "c"]);
    }

    #[test]
    fn what_has_begun_goes_before_what_begins() {
        let mut queue = WorkersInTurn::new(1, &[("a", 3)]);
        let begun = queue.push("a", WorkStage::Begun);
        queue.grant();
        assert_eq!(queue.working, [("a", begun)]);
    }

    #[test]
    fn who_leaves_is_not_served_and_nothing_is_kept_of_who_has_gone() {
        let mut queue = WorkersInTurn::new(1, &[("a", 1)]);
        let position = queue.push("b", WorkStage::New);
        queue.shares.leave("b", position);
        assert_eq!(queue.grant(), ["a"]);
        queue.end("a");
        assert!(queue.shares.namespaces.is_empty());
        assert_eq!(queue.shares.taken, 0);
    }
}
