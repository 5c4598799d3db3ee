//! The turns of lanes: the first that waits, and now and then one that it keeps waiting.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::terms::lane::Lane;

/// A lane that waits gets every token of this number at least.
const EVERY: u64 = 20;

/// Which of the lanes that wait is served next. Never two tokens in a row go past the first of them: of the two lower ones a lane has its
/// turn two tokens late at most.
#[derive(Debug, Clone, Default)]
pub(super) struct LaneTurns {
    served: u64,
    /// How many tokens there had been when a lane that waits got its last one, or began to wait.
    since: BTreeMap<Lane, u64>,
    /// The last token went past the first lane.
    went_past: bool,
}

impl LaneTurns {
    /// Somebody waits in that lane.
    pub(super) fn begin(&mut self, lane: Lane) {
        self.since.entry(lane).or_insert(self.served);
    }

    /// Nobody waits in that lane any more.
    pub(super) fn end(&mut self, lane: Lane) {
        self.since.remove(&lane);
    }

    /// The lane that gets the next token: of those that were kept waiting the one that was longest, or the lowest of them.
    pub(super) fn next(&self) -> Option<Lane> {
        let (first, _) = self.since.first_key_value()?;
        let kept_waiting = self.since.iter().filter(|(_, since)| self.is_due(**since));
        let longest = kept_waiting.min_by_key(|(lane, since)| (**since, Reverse(**lane)));
        Some(match longest {
            Some((lane, _)) if !self.went_past => *lane,
            _ => *first,
        })
    }

    /// So many tokens in a row go to that lane.
    pub(super) fn take(&mut self, lane: Lane, tokens: u64) {
        self.went_past = self.since.keys().next() != Some(&lane);
        self.served += tokens;
        self.since.insert(lane, self.served);
    }

    /// How many tokens there are up to the one that is number `own` in its lane, where so many others wait.
    pub(super) fn until_served(
        &self,
        mut waiting: BTreeMap<Lane, u64>,
        lane: Lane,
        own: u64,
    ) -> u64 {
        let mut turns = self.clone();
        turns.begin(lane);
        waiting.insert(lane, own);
        while let Some(next) = turns.next()
            && let Some(left) = waiting.get_mut(&next)
        {
            let tokens = turns.in_a_row(next).min(*left);
            turns.take(next, tokens);
            *left -= tokens;
            if *left == 0 {
                turns.end(next);
            }
            if *left == 0 && next == lane {
                break;
            }
        }
        turns.served - self.served
    }

    fn is_due(&self, since: u64) -> bool {
        self.served - since >= EVERY - 1
    }

    /// For how many tokens the next lane goes on while the same ones wait.
    fn in_a_row(&self, next: Lane) -> u64 {
        let others = self.since.iter().filter(|(lane, _)| **lane != next);
        let due = others.map(|(_, since)| (since + EVERY - 1).saturating_sub(self.served));
        let is_first = self.since.keys().next() == Some(&next);
        if is_first {
            due.min().unwrap_or(u64::MAX).max(1)
        } else {
            1
        }
    }
}
