//! Ids that this process deleted, or found to be gone, a short while ago. A list may lag and still show them: they count as absent for
//! every object that calls the project through the same address, or an object that replaces another would take the dead row over. Whoever
//! answers at another address says nothing of what lies behind this one. Kept in memory only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::lock::lock;
use crate::plan::facts::observed::FRESH;
use crate::plan::facts::row::Row;
use crate::sparse::Sparse as _;
use crate::terms::target::Target;

/// How long a deleted id counts as absent.
const COUNTS_FOR: Duration = Duration::from_mins(10);

/// The ids that were deleted lately, in all projects.
pub(super) struct DeletedIds {
    /// Since when this process notes them.
    since: Instant,
    lately: Mutex<LatelyNoted<u64>>,
    /// An id is not kept, but what stands for it in this process: that nobody can aim at, whoever may choose an id.
    standing: RandomState,
}

/// What was noted a short while ago: tens of thousands may have gone, so that each is small and has no place of its own in memory. Every
/// object of a sweep asks: to ask costs no more for how much there is.
struct LatelyNoted<K> {
    /// When, and when that row was created, where that is known.
    newest: BTreeMap<K, (Instant, Option<Timestamp>)>,
    /// In the order of time; one that was noted again is there again.
    order: VecDeque<(Instant, K)>,
}

impl<K> Default for LatelyNoted<K> {
    fn default() -> Self {
        Self {
            newest: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Ord + Copy> LatelyNoted<K> {
    fn note(&mut self, key: K, created: Option<Timestamp>, now: Instant) {
        self.order.push_back((now, key));
        self.newest.insert(key, (now, created));
    }

    /// Only what is over is looked at.
    fn forget_old(&mut self, now: Instant) {
        let is_over = |at: Instant| now.duration_since(at) >= COUNTS_FOR;
        while self.order.front().is_some_and(|(at, _)| is_over(*at))
            && let Some((_, key)) = self.order.pop_front()
        {
            if self.newest.get(&key).is_some_and(|(at, _)| is_over(*at)) {
                self.newest.remove(&key);
            }
            self.order.give_back();
        }
    }
}

impl DeletedIds {
    /// None, as when the process begins to serve.
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            lately: Mutex::default(),
            standing: RandomState::new(),
        }
    }

    /// Whether a look may still show, or one that did still be believed, what was deleted before this process noted anything.
    pub(super) fn may_lack_some(&self, settle_time: Duration) -> bool {
        self.since.elapsed() < settle_time + FRESH.unsigned_abs()
    }

    /// An id of this project was deleted through this address, or is known to be gone there. `created` is the latest that the row was created which had it.
    pub(super) fn add(&self, target: &Target, id: &str, created: Option<Timestamp>) {
        let key = self.key(target, id);
        self.lately().note(key, created, Instant::now());
    }

    /// The cloud gave this id to what was created now: nothing says that it gives none twice.
    pub(super) fn forget(&self, target: &Target, id: &str) {
        let key = self.key(target, id);
        self.lately().newest.remove(&key);
    }

    /// The ids of this project that count as absent, of those given: every reconcile asks, and all that there are may be as many as
    /// there are objects.
    pub(super) fn among<'a>(
        &self,
        target: &Target,
        ids: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        let lately = self.lately();
        let absent = ids.filter(|id| lately.newest.contains_key(&self.key(target, id)));
        absent.map(str::to_owned).collect()
    }

    /// What of these rows of this project does not count as absent. One that was created later than the one that was deleted has its id
    /// anew: from then on it counts.
    pub(super) fn without_deleted(&self, target: &Target, mut rows: Vec<Row>) -> Vec<Row> {
        let mut lately = self.lately();
        rows.retain(|row| {
            let key = self.key(target, &row.id);
            let Some((_, created)) = lately.newest.get(&key) else {
                return true;
            };
            let is_anew = created
                .zip(row.create_time)
                .is_some_and(|(dead, it)| it > dead);
            if is_anew {
                lately.newest.remove(&key);
            }
            is_anew
        });
        rows
    }

    fn lately(&self) -> MutexGuard<'_, LatelyNoted<u64>> {
        let mut lately = lock(&self.lately);
        lately.forget_old(Instant::now());
        lately
    }

    /// Stands for an id of a project at an address.
    fn key(&self, target: &Target, id: &str) -> u64 {
        let Target {
            endpoint,
            project_id,
            ..
        } = target;
        self.standing.hash_one((endpoint, project_id, id))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use tokio::time::advance;

    use super::*;
    use crate::plan::facts::content::ReportedContent;
    use crate::plan::facts::place::Place;

    fn project(id: &str) -> Target {
        Target {
            region: "cn-north-4".to_owned(),
            project_id: id.to_owned(),
            endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
        }
    }

    fn row(id: &str) -> Row {
        Row {
            id: id.to_owned(),
            place: Place::new("push.example.com", "live"),
            content: ReportedContent::default(),
            create_time: None,
            update_time: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_id_counts_as_absent_for_all_of_its_project_for_a_while() {
        let deleted = DeletedIds::new();
        deleted.add(&project("one"), "id", None);
        let among = |project: &Target| deleted.among(project, ["id", "other"].into_iter());
        assert_eq!(among(&project("one")), BTreeSet::from(["id".to_owned()]));
        assert!(among(&project("two")).is_empty());
        let spelled = Target {
            region: "cn-north4".to_owned(),
            ..project("one")
        };
        assert_eq!(among(&spelled).len(), 1, "a region is a word");
        let elsewhere = Target {
            endpoint: "https://live.other.myhuaweicloud.com".to_owned(),
            ..project("one")
        };
        assert!(among(&elsewhere).is_empty());
        advance(COUNTS_FOR).await;
        assert!(among(&project("one")).is_empty());
    }

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A key that counts how often keys are compared.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct CountedKey(usize);

    impl PartialOrd for CountedKey {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for CountedKey {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn to_ask_costs_no_more_for_how_many_were_deleted() {
        const MANY: usize = 20_000;
        let (mut lately, began) = (LatelyNoted::default(), Instant::now());
        for number in 0..MANY {
            lately.note(CountedKey(number), None, began);
        }
        COMPARED.set(0);
        for number in 0..1_000 {
            lately.forget_old(Instant::now());
            assert!(lately.newest.contains_key(&CountedKey(number)));
        }
        let compared = COMPARED.get();
        assert!(compared <= 1_000 * 60, "{compared}");
        // What was noted again counts from then.
        advance(COUNTS_FOR / 2).await;
        lately.note(CountedKey(7), None, Instant::now());
        advance(COUNTS_FOR / 2).await;
        lately.forget_old(Instant::now());
        assert_eq!((lately.newest.len(), lately.order.len()), (1, 1));
        advance(COUNTS_FOR / 2).await;
        lately.forget_old(Instant::now());
        assert_eq!((lately.newest.len(), lately.order.len()), (0, 0));
        let room = lately.order.capacity();
        assert!(room < 8, "{room}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_of_a_deleted_id_is_not_seen() {
        let rows: Vec<Row> = ["dead", "alive"].into_iter().map(row).collect();
        let deleted = DeletedIds::new();
        deleted.add(&project("one"), "dead", None);
        let living = deleted.without_deleted(&project("one"), rows.clone());
        assert_eq!(living, rows[1..]);
        assert_eq!(deleted.without_deleted(&project("two"), rows.clone()), rows);
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_is_given_again_counts() {
        let project = project("one");
        let made = |second: Option<i64>| {
            let create_time = second.and_then(|it| Timestamp::from_second(it).ok());
            vec![Row {
                create_time,
                ..row("id")
            }]
        };
        let deleted = DeletedIds::new();
        let add = || deleted.add(&project, "id", Timestamp::from_second(100).ok());
        let is_dead = || !deleted.among(&project, std::iter::once("id")).is_empty();
        add();
        for dead in [Some(100), Some(99), None] {
            assert_eq!(deleted.without_deleted(&project, made(dead)), []);
        }
        assert!(is_dead());
        let anew = deleted.without_deleted(&project, made(Some(101)));
        assert_eq!((anew, is_dead()), (made(Some(101)), false));
        add();
        deleted.forget(&project, "id");
        assert!(!is_dead());
    }
}
