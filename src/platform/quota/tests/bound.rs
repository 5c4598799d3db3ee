//! Nobody waits longer than is documented at the queue, whatever the others do: random crowds that line up again as soon as they are
//! served, random arrivals, and who gives up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::Index};

use crate::platform::quota::Lane;
use crate::platform::quota::queue::{Queue, QueueKey};

/// A lane in which somebody waits gets one of so many tokens.
const A_LANE: u64 = 22;
const LANES: [Lane; 3] = [Lane::Urgent, Lane::Create, Lane::Background];

/// A lane, whether something has begun, and a namespace.
type QueuePlace = (Lane, bool, &'static str);

#[derive(Debug, Clone)]
enum QueueEvent {
    Come(QueuePlace),
    Leave(Index),
    Serve,
}

fn place() -> impl Strategy<Value = QueuePlace> {
    let lane = prop::sample::select(&LANES[..]);
    let namespace = prop::sample::select(&["a", "b", "c", "d"][..]);
    (lane, any::<bool>(), namespace)
}

fn event() -> impl Strategy<Value = QueueEvent> {
    prop_oneof![
        3 => place().prop_map(QueueEvent::Come),
        1 => any::<Index>().prop_map(QueueEvent::Leave),
        8 => Just(QueueEvent::Serve),
    ]
}

fn key((_, has_begun, namespace): QueuePlace) -> QueueKey {
    if has_begun {
        QueueKey::of_begun(namespace)
    } else {
        QueueKey::new(namespace)
    }
}

/// Somebody who waits, and what was granted meanwhile.
struct Waiting {
    place: QueuePlace,
    number: u64,
    comes_again: bool,
    /// How many of its place were there before it.
    before: u64,
    /// The namespaces that waited meanwhile, in its lane and of its kind.
    namespaces: BTreeSet<&'static str>,
    of_lane: u64,
}

/// The queue, and beside it who is in it.
#[derive(Default)]
struct WatchedQueue {
    waiting: BTreeMap<u64, Waiting>,
    /// How many tokens each lane that waits has seen go by.
    passed: BTreeMap<Lane, u64>,
    arrivals: u64,
}

impl WatchedQueue {
    fn come(&mut self, queue: &mut Queue<u64>, place: QueuePlace, comes_again: bool) {
        let alike = |it: &&mut Waiting| (it.place.0, it.place.1) == (place.0, place.1);
        let mut before = 0;
        let mut namespaces = BTreeSet::from([place.2]);
        for other in self.waiting.values_mut().filter(|it| alike(it)) {
            before += u64::from(other.place == place);
            other.namespaces.insert(place.2);
            namespaces.insert(other.place.2);
        }
        self.arrivals += 1;
        let number = queue.push(place.0, &key(place), self.arrivals);
        self.passed.entry(place.0).or_default();
        let waiting = Waiting {
            place,
            number,
            comes_again,
            before,
            namespaces,
            of_lane: 0,
        };
        self.waiting.insert(self.arrivals, waiting);
    }

    fn leave(&mut self, queue: &mut Queue<u64>, which: Index) {
        let once: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, it)| !it.comes_again)
            .collect();
        if once.is_empty() {
            return;
        }
        let name = *which.get(&once).0;
        let left = &self.waiting[&name];
        assert_eq!(
            queue.remove(left.place.0, &key(left.place), left.number),
            Some(name)
        );
        self.take(name);
    }

    fn take(&mut self, name: u64) -> Waiting {
        let taken = self.waiting.remove(&name).unwrap();
        let lane = taken.place.0;
        if !self.waiting.values().any(|it| it.place.0 == lane) {
            self.passed.remove(&lane);
        }
        taken
    }

    fn serve(&mut self, queue: &mut Queue<u64>) -> Result<(), TestCaseError> {
        let Some(name) = queue.pop() else {
            prop_assert!(self.waiting.is_empty());
            return Ok(());
        };
        let lane = self.waiting[&name].place.0;
        for (waiting, passed) in &mut self.passed {
            *passed += 1;
            prop_assert!(*passed <= A_LANE, "{waiting:?} waits for {passed} tokens");
        }
        self.passed.insert(lane, 0);
        for it in self.waiting.values_mut().filter(|it| it.place.0 == lane) {
            it.of_lane += 1;
            let namespaces = u64::try_from(it.namespaces.len()).unwrap();
            let most = 2 * (it.before + 1) * namespaces;
            prop_assert!(
                it.of_lane <= most,
                "{:?} waits for {} of {most}",
                it.place,
                it.of_lane
            );
        }
        let served = self.take(name);
        if served.comes_again {
            self.come(queue, served.place, true);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nobody_waits_longer_than_the_bound(
        crowd in vec(place(), 0..12),
        events in vec(event(), 0..400),
    ) {
        let (mut queue, mut watched) = (Queue::new(), WatchedQueue::default());
        for place in crowd {
            watched.come(&mut queue, place, true);
        }
        for event in events {
            match event {
                QueueEvent::Come(place) => watched.come(&mut queue, place, false),
                QueueEvent::Leave(which) => watched.leave(&mut queue, which),
                QueueEvent::Serve => watched.serve(&mut queue)?,
            }
        }
    }

    #[test]
    fn a_position_is_the_number_of_tokens(
        waiting in vec(place(), 0..400),
        served in 0..60_usize,
        place in place(),
    ) {
        let mut queue = Queue::new();
        for place in waiting {
            queue.push(place.0, &key(place), 1);
        }
        for _ in 0..served {
            queue.pop();
        }
        let told = queue.position(place.0, &key(place));
        queue.push(place.0, &key(place), 0);
        let granted = (1..=1_000).find(|_| queue.pop() == Some(0));
        prop_assert_eq!(granted, Some(told));
    }

    /// The others line up again as soon as they are served.
    #[test]
    fn a_position_counts_on_a_crowd_that_does_not_end(
        crowd in vec(prop::sample::select(&["a", "b"][..]), 2..12),
        before in 0..10_u64,
    ) {
        let (mut queue, mut watched) = (Queue::new(), WatchedQueue::default());
        for namespace in crowd {
            watched.come(&mut queue, (Lane::Urgent, false, namespace), true);
        }
        for _ in 0..60 {
            watched.serve(&mut queue)?;
        }
        let place = (Lane::Create, false, "c");
        for _ in 0..before {
            watched.come(&mut queue, place, false);
        }
        let told = queue.position(place.0, &key(place));
        prop_assert_eq!(told, 20 * (before + 1));
        watched.come(&mut queue, place, false);
        let one = watched.arrivals;
        let mut granted = 0;
        while watched.waiting.contains_key(&one) {
            watched.serve(&mut queue)?;
            granted += 1;
        }
        prop_assert_eq!(granted, told);
    }
}
