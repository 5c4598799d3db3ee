//! What is to be run, and when: each thing at its earliest time, and not while it runs. Pure: nothing here waits or reads a clock.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// When something is due, and its place among those that are due then.
type DueTurn = (Instant, u64);

/// Things that run one after the other, each by itself.
pub(super) struct Agenda<K> {
    entries: HashMap<K, AgendaEntry>,
    /// What does not run, in the order in which it will.
    waiting: BTreeMap<DueTurn, K>,
    arrivals: u64,
}

#[derive(Default)]
struct AgendaEntry {
    due: Option<DueTurn>,
    runs: bool,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            waiting: BTreeMap::new(),
            arrivals: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Agenda<K> {
    /// This is to be run then, or when it ends if it runs at that time; earlier if that is wanted already.
    pub(super) fn want(&mut self, key: K, at: Instant) {
        self.arrivals += 1;
        let turn = (at, self.arrivals);
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.due.is_some_and(|due| due.0 <= at) {
            return;
        }
        let before = entry.due.replace(turn);
        if !entry.runs {
            before.map(|before| self.waiting.remove(&before));
            self.waiting.insert(turn, key);
        }
    }

    /// The next that is due; it runs from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<K> {
        let first = self.waiting.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let key = first.remove();
        let entry = AgendaEntry {
            due: None,
            runs: true,
        };
        self.entries.insert(key.clone(), entry);
        Some(key)
    }

    /// When the next is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// It runs no more, and is to be run again then, if at all.
    pub(super) fn ended(&mut self, key: &K, again: Option<Instant>) {
        let meanwhile = self.entries.remove(key).and_then(|entry| entry.due);
        for at in meanwhile.map(|(at, _)| at).into_iter().chain(again) {
            self.want(key.clone(), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn agenda() -> (Agenda<char>, Instant, impl Fn(u64) -> Instant) {
        let now = Instant::now();
        (Agenda::default(), now, move |seconds| {
            now + Duration::from_secs(seconds)
        })
    }

    #[test]
    fn what_is_due_runs_in_the_order_in_which_it_is() {
        let (mut agenda, now, at) = agenda();
        for (key, due) in [('c', 2), ('a', 0), ('b', 0), ('d', 1)] {
            agenda.want(key, at(due));
        }
        let due = |agenda: &mut Agenda<char>, now| -> Vec<char> {
            std::iter::from_fn(|| agenda.next(now)).collect()
        };
        assert_eq!(due(&mut agenda, now), ['a', 'b']);
        assert_eq!(agenda.due(), Some(at(1)));
        assert_eq!(due(&mut agenda, at(2)), ['d', 'c']);
        assert_eq!((agenda.due(), agenda.next(at(9))), (None, None));
    }

    #[test]
    fn what_runs_is_run_again_only_when_it_has_ended() {
        let (mut agenda, now, at) = agenda();
        agenda.want('a', now);
        assert_eq!(agenda.next(now), Some('a'));
        agenda.want('a', at(1));
        agenda.want('a', at(2));
        assert_eq!(agenda.next(at(3)), None, "it runs");
        agenda.ended(&'a', Some(at(9)));
        assert_eq!(agenda.due(), Some(at(1)), "what was wanted meanwhile");
        assert_eq!(agenda.next(at(3)), Some('a'));
        agenda.ended(&'a', None);
        assert_eq!(agenda.next(at(99)), None);
        assert!(agenda.entries.is_empty(), "nothing is kept of it");
    }

    #[test]
    fn of_two_times_the_earlier_counts() {
        let (mut agenda, now, at) = agenda();
        for due in [5, 3, 4] {
            agenda.want('a', at(due));
        }
        assert_eq!(agenda.due(), Some(at(3)));
        assert_eq!(agenda.next(at(5)), Some('a'));
        assert_eq!(agenda.next(at(5)), None, "once");
        agenda.ended(&'a', Some(at(7)));
        agenda.want('a', now);
        assert_eq!((agenda.next(now), agenda.due()), (Some('a'), None));
    }
}
