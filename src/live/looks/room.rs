//! The room that lists have in memory, all of the process together: those that are kept, and those that are being read.
//!
//! A list is as large as a cloud makes it, and there are as many as accounts. What is kept only saves calls, and what is read can be read
//! again: where there is no room for all, those give way that have held most for longest.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{Hash as _, Hasher},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use crate::lock::lock;
use crate::plan::facts::row::Row;

/// What lists may take, however few objects there are.
pub(super) const ROOM: usize = 24 << 20;
/// What they may take more for each object, several times what its own row takes.
const OF_OBJECT: usize = 2 << 10;
/// The most that one list of the cloud may take: less than 4,000 callbacks take with values as long as a spec may have.
pub(super) const OF_LIST: usize = 16 << 20;
/// What rows beside the first of their place may take: each object that wants the place may hold them. At most places there is one, and of
/// two it is seen that they are several.
const OF_PLACE: usize = 12 << 10;
/// What a text takes beside its letters.
const OF_TEXT: usize = 40;

/// The room of all lists of a process.
pub struct ListRoom {
    objects: Box<dyn Fn() -> usize + Send + Sync>,
    taken: Arc<AtomicUsize>,
    lists: Mutex<ListsInRoom>,
}

#[derive(Default)]
struct ListsInRoom {
    by_number: HashMap<u64, ListInRoom>,
    last: u64,
    /// From so many on it is looked which of them are gone.
    tidied_at: usize,
}

struct ListInRoom {
    takes: Weak<RoomTaken>,
    held: Weak<dyn GivesWay>,
    since: Instant,
}

/// What one list takes, as long as it is there.
#[derive(Debug, Default)]
pub(super) struct RoomTaken {
    number: u64,
    bytes: AtomicUsize,
    of_all: Arc<AtomicUsize>,
}

impl Drop for RoomTaken {
    fn drop(&mut self) {
        self.of_all.fetch_sub(self.bytes.load(Relaxed), Relaxed);
    }
}

/// Something that is held until its room is needed.
#[derive(Debug)]
pub(super) struct Yielding<T>(Mutex<Option<T>>);

trait GivesWay: Send + Sync {
    fn holds(&self) -> bool;
    fn give_way(&self);
}

impl<T: Send> GivesWay for Yielding<T> {
    fn holds(&self) -> bool {
        lock(&self.0).is_some()
    }

    fn give_way(&self) {
        *lock(&self.0) = None;
    }
}

impl<T: Clone> Yielding<T> {
    /// What is held, if it is there still.
    pub(super) fn get(&self) -> Option<T> {
        lock(&self.0).clone()
    }
}

/// The rows of a list, each id once, and what they take.
pub(super) struct ReadRows {
    pub(super) rows: BTreeMap<String, Row>,
    pub(super) takes: Arc<RoomTaken>,
}

/// Why rows can't be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// They are more than any list may take.
    TooLarge,
    /// Others needed their room.
    GaveWay,
}

/// A list while it is read.
pub(super) struct GrowingList {
    room: Arc<ListRoom>,
    held: Arc<Yielding<ReadRows>>,
    most: usize,
}

impl ListRoom {
    /// Nothing is held yet. `objects` tells how many there are here.
    pub fn new(objects: impl Fn() -> usize + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            objects: Box::new(objects),
            taken: Arc::default(),
            lists: Mutex::default(),
        })
    }

    /// Holds what was read until its room is needed.
    pub(super) fn hold<T: Send + 'static>(
        &self,
        value: T,
        takes: &Arc<RoomTaken>,
    ) -> Arc<Yielding<T>> {
        let held = Arc::new(Yielding(Mutex::new(Some(value))));
        let list = ListInRoom {
            takes: Arc::downgrade(takes),
            held: Arc::<Yielding<T>>::downgrade(&held),
            since: Instant::now(),
        };
        let mut lists = lock(&self.lists);
        lists.tidy();
        lists.by_number.insert(takes.number, list);
        held
    }

    /// What all lists take now.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    fn take(&self) -> Arc<RoomTaken> {
        let mut lists = lock(&self.lists);
        lists.last += 1;
        Arc::new(RoomTaken {
            number: lists.last,
            bytes: AtomicUsize::default(),
            of_all: Arc::clone(&self.taken),
        })
    }

    /// Has those give way that have held most for longest, until the others have room.
    fn make_room(&self) {
        let is_over = |most| self.taken.load(Relaxed) > most;
        if !is_over(ROOM) {
            return;
        }
        let most = ROOM.saturating_add(OF_OBJECT.saturating_mul((self.objects)()));
        let lists = lock(&self.lists);
        while is_over(most) {
            let held = lists.by_number.values().filter_map(ListInRoom::held);
            let Some((_, costliest)) = held.max_by_key(|(cost, _)| *cost) else {
                return;
            };
            costliest.give_way();
        }
    }
}

impl ListsInRoom {
    /// Forgets those that are gone: not at each that comes, when there are thousands.
    fn tidy(&mut self) {
        if self.by_number.len() >= self.tidied_at {
            self.by_number
                .retain(|_, list| list.takes.strong_count() > 0);
            self.by_number.shrink_to(2 * self.by_number.len());
            self.tidied_at = 2 * self.by_number.len() + 1;
        }
    }
}

impl ListInRoom {
    /// What can give way, and what it costs to hold it.
    fn held(&self) -> Option<(u128, Arc<dyn GivesWay>)> {
        let held = self.held.upgrade().filter(|held| held.holds())?;
        let bytes = self.takes.upgrade()?.bytes.load(Relaxed);
        let bytes = u128::try_from(bytes).unwrap_or(u128::MAX);
        Some((bytes * self.since.elapsed().as_millis(), held))
    }
}

impl GrowingList {
    /// A list of the cloud.
    pub(super) fn new(room: &Arc<ListRoom>) -> Self {
        Self::up_to(OF_LIST, room)
    }

    /// What several lists are put together in.
    pub(super) fn of_several(room: &Arc<ListRoom>) -> Self {
        Self::up_to(usize::MAX, room)
    }

    fn up_to(most: usize, room: &Arc<ListRoom>) -> Self {
        let takes = room.take();
        let rows = ReadRows {
            rows: BTreeMap::new(),
            takes: Arc::clone(&takes),
        };
        Self {
            held: room.hold(rows, &takes),
            room: Arc::clone(room),
            most,
        }
    }

    /// Adds rows. Gives how many there are then.
    pub(super) fn add(&self, rows: Vec<Row>) -> Result<usize, NoRoom> {
        if let Some(read) = lock(&self.held.0).as_mut() {
            let more = rows.iter().map(footprint).sum();
            read.takes.of_all.fetch_add(more, Relaxed);
            let before = read.takes.bytes.fetch_add(more, Relaxed);
            if before.saturating_add(more) > self.most {
                return Err(NoRoom::TooLarge);
            }
            let rows = rows.into_iter().map(|row| (row.id.clone(), row));
            read.rows.extend(rows);
        }
        self.room.make_room();
        let held = lock(&self.held.0);
        let read = held.as_ref().ok_or(NoRoom::GaveWay)?;
        Ok(read.rows.len())
    }

    /// All rows: the list has ended.
    pub(super) fn end(self) -> Result<ReadRows, NoRoom> {
        lock(&self.held.0).take().ok_or(NoRoom::GaveWay)
    }
}

/// The first rows of a place, without those that no decision needs any more.
pub(super) fn few(rows: &[Row]) -> &[Row] {
    let mut beside = 0;
    let others = rows.iter().skip(1).take_while(|row| {
        beside += footprint(row);
        beside <= OF_PLACE
    });
    rows.get(..=others.count()).unwrap_or_default()
}

/// What a row takes, rather too much than too little.
pub(super) fn footprint(row: &Row) -> usize {
    let mut count = ByteCount(0);
    row.hash(&mut count);
    size_of::<Row>() + size_of::<String>() + row.id.len() + count.0
}

/// Counts what is to be hashed: all that a value holds, whatever fields it has.
struct ByteCount(usize);

impl Hasher for ByteCount {
    fn write(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    /// Ends a text.
    fn write_u8(&mut self, _: u8) {
        self.0 += OF_TEXT;
    }

    fn finish(&self) -> u64 {
        u64::try_from(self.0).unwrap_or(u64::MAX)
    }
}
