//! What one watch has brought: keeps the index up to date with it, and notices what went. Reads and writes no object.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kube::runtime::watcher;

use crate::api::RecordingCallback;
use crate::controller::context::Context;
use crate::controller::leftover::Leftover;
use crate::controller::{ObjectEvent, ObjectStore};
use crate::declared::parse;

/// UIDs by `namespace/name`.
type Uids = HashMap<String, String>;

/// Keeps the index up to date with one watch.
pub(super) struct IndexUpdater {
    context: Arc<Context>,
    before: Option<ObjectStore>,
    /// The UIDs of the objects that this watch has brought and not taken back.
    known: Uids,
    /// Those of a list that is under way.
    listing: Uids,
}

impl IndexUpdater {
    /// Notes of a watch. `before` holds what it brought so far, where what vanished from it was not let go by another operator.
    pub(super) fn new(context: Arc<Context>, before: Option<ObjectStore>) -> Self {
        Self {
            context,
            before,
            known: Uids::new(),
            listing: Uids::new(),
        }
    }

    /// Takes an event in. What a new list does not show any more went while nobody watched.
    pub(super) fn apply(&mut self, event: &ObjectEvent) {
        match event {
            watcher::Event::Apply(object) => {
                let (name, uid) = named(object);
                let former = self.known.insert(name, uid.clone());
                // Of an object that had the name before, the end was not told.
                self.lose(former.into_iter().filter(|former| *former != uid).collect());
                self.context.index_object(object);
            }
            watcher::Event::Delete(object) => {
                let (name, uid) = named(object);
                self.clear_away(object, true);
                if self.known.get(&name) == Some(&uid) {
                    self.known.remove(&name);
                }
                self.forget(&uid);
            }
            watcher::Event::Init => self.listing.clear(),
            watcher::Event::InitApply(object) => {
                self.listing.extend([named(object)]);
                self.context.index_object(object);
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listing);
                let before = std::mem::replace(&mut self.known, listed);
                let present: HashSet<&String> = self.known.values().collect();
                let before = before.into_values();
                self.lose(before.filter(|uid| !present.contains(uid)).collect());
            }
        }
    }

    /// These went, and nobody saw it.
    fn lose(&self, gone: HashSet<String>) {
        self.clear_away_all(&gone);
        for uid in gone {
            self.forget(&uid);
        }
    }

    /// What was there when the watch last saw it, and was deleted while nobody watched.
    fn clear_away_all(&self, gone: &HashSet<String>) {
        if gone.is_empty() {
            return;
        }
        let before = self.before.iter().flat_map(ObjectStore::state);
        for object in before.filter(|object| gone.contains(&parse::uid(object))) {
            // Nobody saw it go: an API server that was restored from a backup lacks what was made since.
            self.clear_away(&object, false);
        }
    }

    /// What an object left behind that went without having been let go.
    fn clear_away(&self, object: &RecordingCallback, was_seen_to_go: bool) {
        let uid = parse::uid(object);
        let leftover = self.context.memories.with(&uid, |memory| {
            // Whoever posts clears away what it makes.
            if memory.posting || memory.released {
                return None;
            }
            Leftover::of(object, memory, was_seen_to_go)
        });
        if let Some(leftover) = leftover {
            self.context.clear_away(leftover);
        }
    }

    /// An object is gone, or no longer ours to serve: it is forgotten at once, and who wants its place is told.
    fn forget(&self, uid: &str) {
        let others = self.context.index.remove(uid);
        self.context.memories.wake(uid);
        self.context.memories.forget(uid);
        for other in others {
            self.context.trigger(other);
        }
    }
}

/// An object's name and UID.
fn named(object: &RecordingCallback) -> (String, String) {
    let meta = parse::object(object);
    (format!("{}/{}", meta.namespace, meta.name), meta.uid)
}
