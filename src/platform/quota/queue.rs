//! Whose turn it is: lanes by priority, within a lane what has begun and what is new by turns, of each the namespaces in turn, and first
//! come first served within a namespace. Pure: no clock, no waiting.
//!
//! **Nobody waits for ever, whatever the others do.** A lane in which somebody waits gets one of the next 22 tokens. Who has `k` of its
//! namespace before it, in the same lane and of the same kind (begun or new), has its token with the one of number `2 (k + 1) n` of its lane
//! at the latest, where so many namespaces, `n`, have somebody of that lane and kind who waits meanwhile. So an edit whose namespace has no
//! other gets one of the next two tokens of its lane, however many pages of sweeps wait, and a sweep of `p` pages ends after `2 p n` tokens
//! of its lane. `tests::bound` holds both.

mod flow;
mod lanes;
mod turns;

use std::collections::BTreeMap;

use self::flow::LaneFlow;
use self::lanes::LaneTurns;
use self::turns::NamespaceTurns;
use crate::terms::lane::Lane;

/// Where somebody waits within a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueueKey {
    /// Whether it finishes something that has begun.
    pub(super) has_begun: bool,
    /// Whose turn it takes.
    pub(super) namespace: String,
}

/// Everybody who waits for a token of one identity.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lanes: BTreeMap<Lane, LaneQueue<T>>,
    turns: LaneTurns,
    arrivals: u64,
}

#[derive(Debug)]
struct LaneQueue<T> {
    begun: NamespaceTurns<T>,
    new: NamespaceTurns<T>,
    /// The last token went to what had begun.
    was_begun: bool,
    flow: LaneFlow,
}

impl QueueKey {
    /// Of something new.
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            has_begun: false,
            namespace: namespace.to_owned(),
        }
    }

    /// Of something that has begun.
    pub(super) fn of_begun(namespace: &str) -> Self {
        Self {
            has_begun: true,
            ..Self::new(namespace)
        }
    }
}

impl<T> Queue<T> {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self {
            lanes: BTreeMap::new(),
            turns: LaneTurns::default(),
            arrivals: 0,
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Lines up, and tells the number to leave with.
    pub(super) fn push(&mut self, lane: Lane, key: &QueueKey, waiter: T) -> u64 {
        self.arrivals += 1;
        self.turns.begin(lane);
        let waiting = self.lanes.entry(lane).or_insert_with(LaneQueue::new);
        waiting.flow.arrive();
        let turns = waiting.turns(key.has_begun);
        turns.push(&key.namespace, self.arrivals, waiter);
        self.arrivals
    }

    /// Leaves; nothing happens if that waiter was served already.
    pub(super) fn remove(&mut self, lane: Lane, key: &QueueKey, number: u64) -> Option<T> {
        let waiting = self.lanes.get_mut(&lane)?;
        let turns = waiting.turns(key.has_begun);
        let removed = turns.remove(&key.namespace, number)?;
        waiting.flow.leave();
        self.tidy(lane);
        Some(removed)
    }

    /// The next one to get a token.
    pub(super) fn pop(&mut self) -> Option<T> {
        let lane = self.turns.next()?;
        let waiter = self.lanes.get_mut(&lane)?.pop();
        self.turns.take(lane, 1);
        self.tidy(lane);
        waiter
    }

    /// How many tokens a newcomer would see granted up to its own, if nobody came after it to its own lane, and to the others as many as
    /// of late.
    pub(super) fn position(&self, lane: Lane, key: &QueueKey) -> u64 {
        let waiting = self.lanes.iter().map(|(lane, it)| (*lane, it.lasts()));
        let own = self.lanes.get(&lane).map_or(0, |it| it.before(key)) + 1;
        self.turns.until_served(waiting.collect(), lane, own)
    }

    fn tidy(&mut self, lane: Lane) {
        if self.lanes.get(&lane).is_some_and(LaneQueue::is_empty) {
            self.lanes.remove(&lane);
            self.turns.end(lane);
        }
    }
}

impl<T> LaneQueue<T> {
    fn new() -> Self {
        Self {
            begun: NamespaceTurns::new(),
            new: NamespaceTurns::new(),
            was_begun: false,
            flow: LaneFlow::default(),
        }
    }

    fn turns(&mut self, has_begun: bool) -> &mut NamespaceTurns<T> {
        if has_begun {
            &mut self.begun
        } else {
            &mut self.new
        }
    }

    fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.new.is_empty()
    }

    /// For how many tokens of its own it goes on.
    fn lasts(&self) -> u64 {
        self.flow.lasts(self.begun.len() + self.new.len())
    }

    /// What has begun and what is new by turns, as long as there is both.
    fn pop(&mut self) -> Option<T> {
        self.was_begun = if self.was_begun {
            self.new.is_empty()
        } else {
            !self.begun.is_empty()
        };
        self.flow.grant();
        self.turns(self.was_begun).pop()
    }

    /// How many of its lane would be served before a newcomer.
    fn before(&self, newcomer: &QueueKey) -> u64 {
        let (own, others) = if newcomer.has_begun {
            (&self.begun, &self.new)
        } else {
            (&self.new, &self.begun)
        };
        let alike = own.before(&newcomer.namespace);
        let others_are_next = self.was_begun == newcomer.has_begun;
        alike + others.len().min(alike + u64::from(others_are_next))
    }
}
