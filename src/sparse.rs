//! Tables that give back the room of what has gone. A hash table keeps the room of the most that was ever in it, by itself: after a wave of
//! thousands that came and went these would be megabytes for nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// A table that what is in it may leave for long.
pub(crate) trait Sparse {
    /// To be called where something left: gives room back once most of it is empty. Seldom enough that what left pays for what is moved.
    fn give_back(&mut self);
}

/// The room that is kept by a table that holds so many and has room for so many, if some is given back.
fn kept(len: usize, capacity: usize) -> Option<usize> {
    (len < capacity / 4).then_some(2 * len)
}

impl<K: Eq + Hash, V, S: BuildHasher> Sparse for HashMap<K, V, S> {
    fn give_back(&mut self) {
        if let Some(room) = kept(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<T: Eq + Hash, S: BuildHasher> Sparse for HashSet<T, S> {
    fn give_back(&mut self) {
        if let Some(room) = kept(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

impl<T> Sparse for VecDeque<T> {
    fn give_back(&mut self) {
        if let Some(room) = kept(self.len(), self.capacity()) {
            self.shrink_to(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MANY: usize = 10_000;

    #[test]
    fn the_room_of_what_has_gone_is_given_back_in_a_few_steps() {
        let mut table: HashMap<usize, usize> = (0..MANY).map(|number| (number, number)).collect();
        let mut capacities = BTreeSet::new();
        for number in 0..MANY {
            table.remove(&number);
            table.give_back();
            let (len, capacity) = (table.len(), table.capacity());
            assert!(capacity <= 4 * len + 7, "{capacity} for {len}");
            capacities.insert(capacity.next_power_of_two());
        }
        assert!(capacities.len() <= 16, "{capacities:?}");
    }

    #[test]
    fn the_same_of_sets_and_queues() {
        let mut set: HashSet<usize> = (0..MANY).collect();
        set.retain(|number| *number < 8);
        set.give_back();
        assert!(set.len() == 8 && set.capacity() < 32, "{}", set.capacity());
        let mut queue: VecDeque<usize> = (0..MANY).collect();
        queue.drain(8..);
        queue.give_back();
        assert!(queue.len() == 8 && queue.capacity() < 32);
    }

    #[test]
    fn what_is_half_full_or_small_keeps_its_room() {
        assert_eq!([kept(0, 3), kept(4, 16), kept(5, 16)], [None; 3]);
        assert_eq!([kept(3, 16), kept(0, 4)], [Some(6), Some(0)]);
    }
}
