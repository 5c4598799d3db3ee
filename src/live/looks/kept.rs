//! What was seen of a project, and for how long it counts. Pure: nothing here asks the cloud or reads a clock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::live::looks::request::LookResult;
use crate::live::looks::room::{ListRoom, RoomTaken, Yielding, few};
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::plan::step::Proof;
use crate::terms::failure::Failure;

/// What was seen is of no use to a create after this time.
pub(super) const LIST_KEPT: Duration = Duration::from_mins(1);
/// So many places are told apart that were written since something was seen: an account may be written beside and never look itself.
const MOST_WRITTEN: usize = 10_000;

/// So many are not worth a search.
const FEW_WRITTEN: usize = 64;

/// When a look began: its time, and its place among all looks and writes of the account, since two of them can share a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) at: Instant,
    pub(super) order: u64,
}

/// Rows as the cloud listed them in one go: all of a project, or those of some domains.
#[derive(Debug)]
pub struct Inventory {
    /// Each id once, by place, the oldest first.
    pub rows: Vec<Row>,
    /// How many callbacks the project (of a filtered list: the domain) has, by the cloud's word.
    pub total: u64,
    /// When the look began.
    pub begun: Instant,
    /// When its first answer came, in cloud time.
    pub at: Timestamp,
    /// When the look began by the clock that dated its first answer, a moment early at most; none when the answer had no `Date`.
    pub dated: Option<Timestamp>,
    /// Whether these are all rows of the project. A project of more than 4,000 is seen only in the domains that are known here.
    pub complete: bool,
    pub(super) order: u64,
    pub(super) domains: Option<BTreeSet<String>>,
    /// The domains that were wanted and refused.
    pub(super) refused: BTreeMap<String, Failure>,
    pub(super) proves_absence: bool,
    pub(super) takes: Arc<RoomTaken>,
}

impl Inventory {
    /// The rows at exactly this place, the oldest first; of very many, as many as a decision needs.
    pub fn at_place(&self, place: &Place) -> &[Row] {
        let start = self.rows.partition_point(|row| row.place < *place);
        let end = self.rows.partition_point(|row| row.place <= *place);
        few(self.rows.get(start..end).unwrap_or_default())
    }

    /// The same of one place: it takes no room to speak of, however long it is held.
    #[must_use]
    pub fn of_place(&self, place: &Place) -> Self {
        Self {
            rows: self.at_place(place).to_vec(),
            domains: self.domains.clone(),
            refused: BTreeMap::new(),
            takes: Arc::default(),
            ..*self
        }
    }

    /// How the look at this domain was refused, where it was wanted of a project that is too large to be listed whole.
    pub fn refusal(&self, domain: &str) -> Option<&Failure> {
        self.refused.get(domain)
    }

    /// Whether a callback of this domain would be among the rows.
    pub fn covers(&self, domain: &str) -> bool {
        self.domains
            .as_ref()
            .is_none_or(|domains| domains.contains(domain))
    }

    fn serves(&self, not_before: Instant, proof: Proof) -> bool {
        self.begun >= not_before && (self.proves_absence || proof == Proof::Presence)
    }
}

/// What is kept until then, or until others need its room.
#[derive(Debug)]
struct KeptList {
    seen: Arc<Yielding<Arc<Inventory>>>,
    order: u64,
    until: Instant,
}

/// The newest sweep and the filtered lists, those of the last minute, and what our own writes made void.
#[derive(Debug, Default)]
pub(super) struct SeenInventories {
    order: u64,
    sweep: Option<KeptList>,
    lists: HashMap<String, KeptList>,
    written: HashMap<Place, u64>,
    /// When there are so many of them, those that are of no use are searched for.
    many_written: usize,
    /// What was seen before that counts for no place.
    void_before: u64,
}

impl SeenInventories {
    /// A look begins now.
    pub(super) fn begin(&mut self, now: Instant) -> Begun {
        self.order += 1;
        Begun {
            at: now,
            order: self.order,
        }
    }

    /// Whether it is time to forget writes: not at each, since that takes as long as there are many.
    pub(super) fn has_many_writes(&self) -> bool {
        self.written.len() >= self.many_written
    }

    /// We wrote at this place: what was seen of it before is void.
    pub(super) fn wrote(&mut self, place: &Place) {
        self.order += 1;
        if self.written.len() >= MOST_WRITTEN {
            self.void_before = self.order;
            self.written.clear();
        }
        self.written.insert(place.clone(), self.order);
    }

    /// Whether what a look that began then sees of this place counts.
    pub(super) fn counts(&self, order: u64, place: &Place) -> bool {
        let written = self.written.get(place);
        order >= self.void_before && written.is_none_or(|written| *written < order)
    }

    /// What is known of a place, if that is good enough.
    pub(super) fn seen(
        &self,
        place: &Place,
        not_before: Instant,
        proof: Proof,
    ) -> Option<LookResult> {
        let list = self.lists.get(place.domain());
        let list = list.and_then(|list| list.seen.get());
        let sweep = self.newest_sweep();
        let sweep = sweep.filter(|sweep| sweep.covers(place.domain()));
        let newest = list
            .into_iter()
            .chain(sweep)
            .filter(|seen| seen.serves(not_before, proof) && self.counts(seen.order, place))
            .max_by_key(|seen| seen.order)?;
        Some(LookResult {
            rows: newest.at_place(place).to_vec(),
            begun: newest.begun,
            at: newest.at,
            dated: newest.dated,
            proves_absence: newest.proves_absence,
        })
    }

    /// The newest sweep, if that is good enough.
    pub(super) fn swept(&self, not_before: Instant, proof: Proof) -> Option<Arc<Inventory>> {
        self.newest_sweep()
            .filter(|sweep| sweep.serves(not_before, proof))
    }

    /// The newest sweep, if it is kept still.
    pub(super) fn newest_sweep(&self) -> Option<Arc<Inventory>> {
        self.sweep.as_ref()?.seen.get()
    }

    pub(super) fn keep_sweep(&mut self, sweep: Inventory, room: &ListRoom, now: Instant) {
        let newest = self.sweep.as_ref().map(|sweep| sweep.order);
        if newest.is_none_or(|newest| newest < sweep.order) {
            self.sweep = Some(KeptList::new(sweep, room, now));
        }
    }

    pub(super) fn keep_list(
        &mut self,
        domain: &str,
        list: Inventory,
        room: &ListRoom,
        now: Instant,
    ) {
        let newest = self.lists.get(domain).map(|list| list.order);
        if newest.is_none_or(|newest| newest < list.order) {
            self.lists
                .insert(domain.to_owned(), KeptList::new(list, room, now));
        }
    }

    /// Drops the rows that are of no use any more. Tells when the next ones are, if any are left.
    pub(super) fn forget_old_rows(&mut self, now: Instant) -> Option<Instant> {
        self.sweep.take_if(|sweep| sweep.until <= now);
        self.lists.retain(|_, list| list.until > now);
        let lists = self.lists.values().map(|list| list.until);
        let sweep = self.sweep.iter().map(|sweep| sweep.until);
        lists.chain(sweep).min()
    }

    /// Forgets the writes that are older than everything seen; `under_way` is the oldest look that is still going on.
    pub(super) fn forget_old_writes(&mut self, under_way: Option<u64>) {
        let lists = self.lists.values().map(|list| list.order);
        let sweep = self.sweep.iter().map(|sweep| sweep.order);
        let oldest = lists
            .chain(sweep)
            .chain(under_way)
            .min()
            .unwrap_or(u64::MAX);
        self.written.retain(|_, written| *written > oldest);
        let many = FEW_WRITTEN.max(2 * self.written.len());
        self.many_written = many.max(self.lists.len()).min(MOST_WRITTEN);
    }
}

impl KeptList {
    /// Kept as long as it is of use.
    fn new(seen: Inventory, room: &ListRoom, now: Instant) -> Self {
        let (order, takes) = (seen.order, Arc::clone(&seen.takes));
        Self {
            seen: room.hold(Arc::new(seen), &takes),
            order,
            until: now + LIST_KEPT,
        }
    }
}
