//! What this process remembers of each object beside what the API server holds. All of it may be lost at any moment.

pub(super) mod comparison;
pub(super) mod lost_update;
pub(super) mod restored;
pub(super) mod sighting;
pub(super) mod unwritten;
pub(super) mod versions;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::comparison::LastComparison;
use self::lost_update::LostUpdateMemory;
use self::restored::RestoredMemory;
use self::sighting::Sighting;
use self::unwritten::UnwrittenStatus;
use super::account::SharedAccount;
use super::allowance::Allowance;
use super::inputs::{InputsMark, SourcesMark};
use super::reach::SweepReach;
use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::lock::lock;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{earlier, later};
use crate::plan::facts::{OtherOwner, Rewrites};
use crate::plan::step::contention::HOUR;
use crate::plan::step::drift;
use crate::platform::account::AccountKey;
use crate::platform::call_budget::{CallBudget, SpendCalls};
use crate::sparse::Sparse as _;
use crate::terms::failure::{Failure, Operation};

/// The memories of all objects, by UID. Each by itself: the table keeps room for more than there are.
#[derive(Default)]
pub(super) struct Memories(Mutex<ObjectMemories>);

type ObjectMemories = HashMap<String, Box<ObjectMemory>>;

/// What is rare is apart: there is one for each object, and it has to stay within 512 bytes.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct ObjectMemory {
    /// The newest version that a write of ours returned, which the watch may be behind; or the last, of what went during its create.
    pub(super) written: Option<Arc<RecordingCallback>>,
    /// The version that the watch brought last and that is no more: a read or write of ours that began later showed an older one. The API
    /// server's storage went back.
    pub(super) undone: Option<Box<u64>>,
    /// The newest record that this process has seen or written, where the object that is planned on does not have it: it may have lost it.
    pub(super) record: Option<Box<Record>>,
    /// A read of ours did not find it any more, of which the watch has not told.
    pub(super) gone: bool,
    /// A create is under way: whoever makes it clears away what it makes when the object is gone.
    pub(super) posting: bool,
    /// What the object left is being cleared away.
    pub(super) clearing: bool,
    /// This process has let the object go.
    pub(super) released: bool,
    /// The newest attempt that this process has written into a record to make a create for the object. A record that it has not written
    /// itself may have been made up.
    pub(super) posted: Option<Box<str>>,
    /// The newest attempt seen, and when it was first seen.
    pub(super) attempt_seen: Option<(Box<str>, Instant)>,
    /// The attempt after whose closing the place was looked at again.
    pub(super) rechecked: Option<Box<str>>,
    /// What the object's Secrets said when the last reconcile that ended well began its last round.
    pub(super) decided: Option<InputsMark>,
    /// What they said when the round under way began.
    pub(super) deciding: Option<InputsMark>,
    /// What its inputs followed from when the poll last found them to be those that it is decided on, and these.
    compared: Option<(SourcesMark, InputsMark)>,
    /// How often in a row its Secrets could not be read.
    pub(super) failed_reads: u32,
    /// Whether an earlier process told of a refused credential was asked.
    pub(super) has_inherited: bool,
    /// The credentials that served last.
    pub(super) account: Option<Arc<SharedAccount>>,
    /// When a look is to be made again that came too soon to count.
    pub(super) look_at: Option<Instant>,
    /// What was seen that needs a decision, and stays until one that was made of it has ended well: a reconcile that fails or
    /// is interrupted must find it again.
    pub(super) news: Option<Box<Sighting>>,
    /// When its account is to be swept again.
    pub(super) sweep_at: Option<Instant>,
    /// When a sweep last compared it.
    pub(super) comparison: Option<LastComparison>,
    /// When a sweep that lacked its row last asked for its id.
    pub(super) asked_for: Option<Box<Instant>>,
    /// Sweeps lack its row, and the last that asked for its id was shown it.
    pub(super) is_denied: bool,
    /// How whoever calls for it was reached by the newest sweep.
    pub(super) reach: Option<SweepReach>,
    /// Sweeps in a row that saw nothing of it: refused for the credential, the permission or the account, or without its row, which
    /// could not be asked for.
    pub(super) failed_sweeps: u32,
    /// How they failed, when they were too many.
    pub(super) sweep_failure: Option<Box<Failure>>,
    /// When the status says that the next attempt comes, and when that is by the monotonic clock: no step of a clock lengthens a wait.
    pub(super) wait: Option<Box<(Timestamp, Instant)>>,
    /// A status that was to be written and what it was based on, while the API server does not take it: what is in it happened all the same.
    pub(super) unwritten: Option<Box<UnwrittenStatus>>,
    /// When the newest change that the status tells of was first seen there: it can't have been later.
    pub(super) write_seen: Option<(Timestamp, Instant)>,
    /// When this process last made a change that happened, or may have.
    pub(super) wrote: Option<Instant>,
    /// The newest update that was given up and may have happened.
    pub(super) lost_update: Option<Box<LostUpdateMemory>>,
    /// The id of what this process's own create made, until that is left to another object.
    pub(super) made: Option<Box<str>>,
    /// Whether an earlier process may have sent a key that the status does not tell of: asked when the object is first seen.
    pub(super) key_in_doubt: Option<bool>,
    /// The account that last saw the place, or wrote there.
    pub(super) seen_by: Option<AccountKey>,
    /// The `update_time` that was first seen after the write of that time.
    pub(super) baseline: Option<(Timestamp, Timestamp)>,
    /// Whom the newest status of an object that only looks was decided with as the owner of its place.
    pub(super) decided_owner: Option<Box<DecidedOwner>>,
    /// When a create last waited for another look, since the date of the last one was doubted.
    pub(super) doubted: Option<Box<Instant>>,
    /// How often finalizer and record had to be put back.
    pub(super) restored: Option<Box<RestoredMemory>>,
    /// The calls that the object may still cause.
    pub(super) allowance: Allowance,
    rewrites: Vec<Instant>,
    changed: Arc<Notify>,
}

/// The name of the object that owns a place, if one does.
pub(super) struct DecidedOwner(pub(super) Option<String>);

impl Memories {
    /// Does something with the memory of an object.
    pub(super) fn with<T>(&self, uid: &str, act: impl FnOnce(&mut ObjectMemory) -> T) -> T {
        let mut memories = self.lock();
        if let Some(memory) = memories.get_mut(uid) {
            return act(memory);
        }
        act(memories.entry(uid.to_owned()).or_default())
    }

    /// Forgets an object that is gone or no longer ours to serve.
    pub(super) fn forget(&self, uid: &str) {
        let mut memories = self.lock();
        memories.remove(uid);
        memories.give_back();
    }

    /// Forgets the objects that are not there, save those that are posted for or cleared away after: what comes late of one that has gone
    /// (an answer, a sweep) would be kept for ever.
    pub(super) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        let mut memories = self.lock();
        memories.retain(|uid, memory| memory.posting || memory.clearing || is_there(uid));
        memories.give_back();
    }

    /// How many objects are remembered.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// A reconcile has ended. What it was decided on counts only if it ended well: else the difference is still to be acted on. Gives
    /// how the object was last, where a create came to no end, by a panic: if it went meanwhile nobody else clears away what it left.
    pub(super) fn ended(&self, uid: &str, well: bool) -> Option<Arc<RecordingCallback>> {
        let mut memories = self.lock();
        let memory = memories.get_mut(uid)?;
        let inputs = memory.deciding.take();
        if well {
            memory.decided = inputs;
        }
        let was_posting = std::mem::take(&mut memory.posting);
        memory.written.clone().filter(|_| was_posting)
    }

    /// The credentials that served an object last.
    pub(super) fn account(&self, uid: &str) -> Option<Arc<SharedAccount>> {
        self.lock().get(uid)?.account.clone()
    }

    /// The objects that an account served last.
    pub(super) fn users(&self, key: &AccountKey) -> BTreeSet<String> {
        let is_user = |memory: &ObjectMemory| {
            let account = memory.account.as_ref();
            account.is_some_and(|account| account.identity_account().key() == key)
        };
        let memories = self.lock();
        let users = memories.iter().filter(|(_, memory)| is_user(memory));
        users.map(|(uid, _)| uid.clone()).collect()
    }

    /// The accounts by which the cloud has shown what it holds.
    pub(super) fn seen_by(&self) -> HashSet<AccountKey> {
        let memories = self.lock();
        let seen = memories
            .values()
            .filter_map(|memory| memory.seen_by.clone());
        seen.collect()
    }

    /// What the calls for an object are paid from.
    pub(super) fn budget(self: &Arc<Self>, uid: &str) -> CallBudget {
        let (memories, uid) = (Arc::downgrade(self), uid.to_owned());
        CallBudget::of(ObjectBudget { memories, uid })
    }

    /// Wakes whoever waits on behalf of this object: it changed.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(memory) = self.lock().get(uid) {
            memory.changed.notify_waiters();
        }
    }

    /// Resource versions went back: what a write of ours returned is not newer than what the watch brings now.
    pub(super) fn rewind(&self) {
        for memory in self.lock().values_mut() {
            memory.written = None;
            memory.undone = None;
        }
    }

    /// Whether a record is remembered that the watch has not brought, or has taken away.
    pub(super) fn has_record(&self, uid: &str) -> bool {
        let memories = self.lock();
        memories
            .get(uid)
            .is_some_and(|memory| memory.record.is_some())
    }

    /// Told at every change of this object.
    pub(super) fn changes(&self, uid: &str) -> Arc<Notify> {
        self.with(uid, |memory| Arc::clone(&memory.changed))
    }

    fn lock(&self) -> MutexGuard<'_, ObjectMemories> {
        lock(&self.0)
    }
}

/// Pays for the calls of one object from its allowance. For one that is forgotten nothing is begun any more.
struct ObjectBudget {
    memories: Weak<Memories>,
    uid: String,
}

impl SpendCalls for ObjectBudget {
    fn spend(&self, calls: u32) -> bool {
        self.memories.upgrade().is_some_and(|memories| {
            let mut all = memories.lock();
            all.get_mut(&self.uid)
                .is_some_and(|memory| memory.allowance.spend(calls))
        })
    }
}

impl ObjectMemory {
    /// The status that names what our own create made, where the API server did not take that yet.
    pub(super) fn unwritten_create(&self) -> Option<&UnwrittenStatus> {
        let unwritten = self.unwritten.as_deref()?;
        let UnwrittenStatus {
            planned_on, status, ..
        } = unwritten;
        let id = status
            .callback_id
            .as_ref()
            .filter(|id| Some(*id) != planned_on.callback_id.as_ref());
        (id?.as_str() == self.made.as_deref()?).then_some(unwritten)
    }

    /// What it was last decided on, or is being.
    pub(super) fn known_inputs(&self) -> Option<InputsMark> {
        self.deciding.or(self.decided)
    }

    /// Whether its inputs follow from what they followed from when they were what it is decided on still.
    pub(super) fn has_compared(&self, sources: Option<SourcesMark>) -> bool {
        let known = sources.zip(self.known_inputs());
        known.is_some() && known == self.compared
    }

    /// They do.
    pub(super) fn note_compared(&mut self, sources: Option<SourcesMark>) {
        self.compared = sources.zip(self.known_inputs());
    }

    /// A sweep has shown what the cloud holds of it.
    pub(super) fn sees_again(&mut self) {
        self.failed_sweeps = 0;
        self.is_denied = false;
        self.sweep_failure = None;
    }

    /// Whether this is whom the status was decided with as the owner of its place.
    pub(super) fn was_decided_with(&self, owner: Option<&OtherOwner>) -> bool {
        let decided = self.decided_owner.as_ref();
        decided
            .is_some_and(|decided| decided.0.as_deref() == owner.map(|owner| owner.name.as_str()))
    }

    /// When to come back: when the reconcile that ends says so, or for a look that was put off before it and is still to come.
    pub(super) fn next_reconcile(&self, again: Option<Instant>, now: Instant) -> Option<Instant> {
        let put_off = self.look_at.filter(|at| *at > now);
        again.into_iter().chain(put_off).min()
    }

    /// A change happened, or may have: what is seen at its place has to be younger than that by the settle time to count.
    pub(super) fn note_wrote(&mut self, given_up: Option<Operation>) {
        self.wrote = Some(Instant::now());
        if given_up == Some(Operation::Update) {
            self.lost_update.get_or_insert_default().given_up = self.wrote;
        }
    }

    /// Somebody else rewrote our values, and we repaired them.
    pub(super) fn note_repaired(&mut self) {
        self.rewrites.push(Instant::now());
    }

    /// The rewrites of the last hour; `now` is cloud time.
    pub(super) fn rewrites(&mut self, now: Timestamp) -> Rewrites {
        let repaired = self.rewrites.last().copied();
        self.rewrites.retain(|at| at.elapsed() < HOUR);
        let count = self.rewrites.len();
        // When the last one was is known for as long as the process lives: contention that it began ends by that.
        if count == 0 {
            self.rewrites.extend(repaired);
        }
        Rewrites {
            count,
            repaired: repaired.map(|at| earlier(now, at.elapsed())),
        }
    }

    /// Takes note of a row that was seen by a look that began after our write of that time.
    pub(super) fn note_row(&mut self, last_write: Timestamp, status: &Status, row: &Row) {
        if self.baseline.is_none_or(|(write, _)| write != last_write) {
            let baseline = drift::baseline(Some(last_write), status, row);
            self.baseline = baseline.map(|baseline| (last_write, baseline));
        }
    }

    /// The `update_time` that was first seen after the write of that time.
    pub(super) fn baseline(&self, last_write: Option<Timestamp>) -> Option<Timestamp> {
        let (write, baseline) = self.baseline?;
        (last_write == Some(write)).then_some(baseline)
    }

    /// When our newest change at the cloud was answered, in the cloud time that `now` belongs to; `stated` is what the status says. A
    /// moment to come counts from when it was first seen: a clock that was wrong then must not hold anything up.
    pub(super) fn last_write(&mut self, stated: Timestamp, now: Timestamp) -> Timestamp {
        let seen = match self.write_seen {
            Some((known, seen)) if known == stated => seen,
            Some(_) | None => {
                let seen = Instant::now();
                self.write_seen = Some((stated, seen));
                seen
            }
        };
        stated.min(earlier(now, seen.elapsed()))
    }

    /// When the attempt that a status announces comes, by the monotonic clock where this process has seen it announced; else, after a
    /// restart, at most the wait from now that such a status can mean: the clock of whoever wrote it may have been ahead, and ours is not
    /// known to be right yet.
    pub(super) fn next_attempt(
        &mut self,
        announced: Timestamp,
        now: Timestamp,
        longest: Duration,
    ) -> Timestamp {
        let until = match self.wait.as_deref() {
            Some((known, until)) if *known == announced => *until,
            Some(_) | None => {
                let left = announced.duration_since(now).max(SignedDuration::ZERO);
                let until = Instant::now() + left.unsigned_abs().min(longest);
                self.wait = Some(Box::new((announced, until)));
                until
            }
        };
        later(now, until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests;
