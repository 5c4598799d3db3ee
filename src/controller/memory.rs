//! What this process remembers of each object beside what the API server holds. All of it may be lost at any moment.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::account::Account;
use super::inputs::Inputs;
use crate::api::RecordingCallback;
use crate::live::account::AccountKey;
use crate::plan::facts::{Observed, Rewrites, Shown, later};
use crate::plan::failure::Failure;
use crate::plan::record::Record;

/// How long an id that we deleted counts as absent.
const DELETED_FOR: Duration = Duration::from_mins(10);
/// How long a rewrite by somebody else counts.
const REWRITES_FOR: Duration = Duration::from_hours(1);

/// The memories of all objects, by UID.
#[derive(Default)]
pub(super) struct Memories(Mutex<HashMap<String, Memory>>);

/// The memory of one object.
#[derive(Default)]
pub(super) struct Memory {
    /// The newest version that a write of ours returned; the watch may be behind it.
    pub(super) written: Option<Arc<RecordingCallback>>,
    /// The newest record that this process has seen or written; the object may have lost its own.
    pub(super) record: Option<Record>,
    /// A create is under way: whoever makes it clears away what it makes when the object is gone.
    pub(super) posting: bool,
    /// The newest attempt seen, and when it was first seen, in cloud time.
    pub(super) attempt_seen: Option<(String, Timestamp)>,
    /// The attempt after whose closing the place was looked at again.
    pub(super) rechecked: Option<String>,
    /// What the object's Secrets said when the last reconcile that ended well began its last round.
    pub(super) decided: Option<Inputs>,
    /// What they said when the round under way began.
    pub(super) deciding: Option<Inputs>,
    /// The credentials that served last.
    pub(super) account: Option<Arc<Account>>,
    /// When a look is to be made again that came too soon to count, in cloud time.
    pub(super) look_at: Option<Timestamp>,
    /// When its account is to be swept again.
    pub(super) sweep_at: Option<Instant>,
    /// What the newest sweep showed that needs a decision, until a round that was decided with it ends well.
    pub(super) swept: Option<(Observed, Shown)>,
    /// Sweeps that failed in a row for the credential, the permission or the account.
    pub(super) failed_sweeps: u32,
    /// How they failed, when they were too many.
    pub(super) blind: Option<Failure>,
    deleted: Vec<(String, Timestamp)>,
    rewrites: Vec<Timestamp>,
    repaired: Option<Timestamp>,
    changed: Arc<Notify>,
}

impl Memories {
    /// Does something with the memory of an object.
    pub(super) fn with<T>(&self, uid: &str, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(self.lock().entry(uid.to_owned()).or_default())
    }

    /// Forgets an object that is gone or no longer ours to serve.
    pub(super) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// A reconcile has ended. What it was decided on counts only if it ended well: else the difference is still to be acted on.
    pub(super) fn ended(&self, uid: &str, well: bool) {
        if let Some(memory) = self.lock().get_mut(uid) {
            let inputs = memory.deciding.take();
            if well {
                memory.decided = inputs;
            }
        }
    }

    /// The credentials that served an object last.
    pub(super) fn account(&self, uid: &str) -> Option<Arc<Account>> {
        self.lock().get(uid)?.account.clone()
    }

    /// The objects that an account served last.
    pub(super) fn users(&self, key: &AccountKey) -> BTreeSet<String> {
        let is_user = |memory: &Memory| {
            let account = memory.account.as_ref();
            account.is_some_and(|account| account.login().key() == key)
        };
        let memories = self.lock();
        let users = memories.iter().filter(|(_, memory)| is_user(memory));
        users.map(|(uid, _)| uid.clone()).collect()
    }

    /// Wakes whoever waits on behalf of this object: it changed.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(memory) = self.lock().get(uid) {
            memory.changed.notify_waiters();
        }
    }

    /// Told at every change of this object.
    pub(super) fn changes(&self, uid: &str) -> Arc<Notify> {
        self.with(uid, |memory| Arc::clone(&memory.changed))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// An id was deleted by us.
    pub(super) fn note_deleted(&mut self, id: &str, now: Timestamp) {
        self.deleted.push((id.to_owned(), now));
    }

    /// The ids that we deleted lately.
    pub(super) fn deleted(&mut self, now: Timestamp) -> BTreeSet<String> {
        self.deleted.retain(|(_, at)| later(*at, DELETED_FOR) > now);
        self.deleted.iter().map(|(id, _)| id.clone()).collect()
    }

    /// A round was decided with this from a sweep, and ended well. What is newer stays.
    pub(super) fn used(&mut self, swept: Option<&(Observed, Shown)>, blind: Option<&Failure>) {
        self.swept.take_if(|newest| Some(&*newest) == swept);
        self.blind.take_if(|newest| Some(&*newest) == blind);
    }

    /// Somebody else rewrote our values, and we repaired them.
    pub(super) fn note_repaired(&mut self, now: Timestamp) {
        self.rewrites.push(now);
        self.repaired = Some(now);
    }

    /// The rewrites of the last hour.
    pub(super) fn rewrites(&mut self, now: Timestamp) -> Rewrites {
        self.rewrites.retain(|at| later(*at, REWRITES_FOR) > now);
        Rewrites {
            count: self.rewrites.len(),
            repaired: self.repaired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::Key;

    fn inputs(key: &str) -> Inputs {
        Inputs {
            key: Key::Digest(key.to_owned()),
            credentials: None,
            credential: None,
        }
    }

    #[test]
    fn what_a_failed_reconcile_was_decided_on_does_not_count() {
        let memories = Memories::default();
        let decide = |key| memories.with("uid", |memory| memory.deciding = Some(inputs(key)));
        let decided = || memories.with("uid", |memory| memory.decided.clone());
        decide("one");
        memories.ended("uid", true);
        assert_eq!(decided(), Some(inputs("one")));
        decide("two");
        memories.ended("uid", false);
        assert_eq!(decided(), Some(inputs("one")));
        memories.forget("uid");
        memories.ended("uid", true);
        assert!(memories.lock().is_empty());
    }

    #[test]
    fn what_a_sweep_showed_stays_until_it_was_used_or_is_replaced() {
        let seen = |secs| {
            let begun = Timestamp::from_second(secs).unwrap();
            (Observed::seen(begun, Vec::new(), true), Shown::Gone)
        };
        let mut memory = Memory {
            swept: Some(seen(2)),
            ..Memory::default()
        };
        memory.used(Some(&seen(1)), None);
        memory.used(None, None);
        assert_eq!(memory.swept, Some(seen(2)));
        memory.used(Some(&seen(2)), None);
        assert_eq!(memory.swept, None);
    }
}
