//! What this process remembers of each object beside what the API server holds. All of it may be lost at any moment.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::account::Account;
use crate::api::RecordingCallback;
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
    /// Something that the object uses changed.
    pub(super) nudged: bool,
    /// The credentials that served last.
    pub(super) account: Option<Arc<Account>>,
    /// When a look is to be made again that came too soon to count, in cloud time.
    pub(super) look_at: Option<Timestamp>,
    /// What a sweep showed that needs a decision.
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
