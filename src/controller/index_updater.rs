//! Keeps the index and the memories up to date with one watch, and notices what went, be it told or not, before the store takes an event in.
//! Reads and writes no object, calls no cloud.

use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;

use crate::api::RecordingCallback;
use crate::controller::ObjectEvent;
use crate::controller::context::Context;
use crate::controller::leftover::Leftover;
use crate::controller::store::{self, KeptObject, ObjectStore};
use crate::declared::parse;

/// Keeps the index up to date with one watch.
pub(super) struct IndexUpdater {
    context: Arc<Context>,
    /// What this watch has brought so far.
    before: ObjectStore,
    /// Whether what vanishes from it was not let go by another operator.
    is_only_operator: bool,
}

impl IndexUpdater {
    /// Notes of a watch, whose store takes each event in after this.
    pub(super) fn new(context: Arc<Context>, before: ObjectStore, is_only_operator: bool) -> Self {
        Self {
            context,
            before,
            is_only_operator,
        }
    }

    /// Takes an event in. What a new list does not show any more went while nobody watched.
    pub(super) fn apply(&self, event: &ObjectEvent) {
        match event {
            watcher::Event::Apply(object) => {
                let former = self.former(object);
                // Of an object that had the name before, the end was not told.
                let other = former.filter(|former| *former.uid != *parse::uid(object));
                self.lose(other.as_slice());
                self.index(object);
            }
            watcher::Event::Delete(object) => {
                let uid = parse::uid(object);
                self.context.unindex(&uid);
                self.keep_record(object);
                self.clear_away(Arc::new(object.clone()), true);
                self.forget(&uid);
            }
            // A list that broke off counts as far as it came.
            watcher::Event::Init => self.lose(&self.before.replaced()),
            watcher::Event::InitApply(object) => {
                self.rewind_before(object);
                self.index(object);
            }
            watcher::Event::InitDone => self.lose(&self.before.unlisted()),
        }
    }

    /// A list is never older than what a watch brought before it: if it shows an older version, the API server's storage was restored from
    /// a backup, and what is known of newer versions is no more.
    fn rewind_before(&self, object: &RecordingCallback) {
        let (uid, version) = (parse::uid(object), parse::version(object));
        let former = self.former(object);
        if former.is_some_and(|former| *former.uid == *uid && former.version > version) {
            self.context.index.rewind();
            self.context.memories.rewind();
        }
    }

    fn index(&self, object: &RecordingCallback) {
        self.keep_record(object);
        self.context.index_object(object);
    }

    /// What the watch brought last of the object of this name.
    fn former(&self, object: &RecordingCallback) -> Option<Arc<KeptObject>> {
        self.before.get(&ObjectRef::from_obj(object))
    }

    /// Remembers the record that an object has lost. What is planned on has its own: it needs no second place.
    fn keep_record(&self, object: &RecordingCallback) {
        let uid = parse::uid(object);
        let former = self.former(object).filter(|former| *former.uid == *uid);
        let lost = former.filter(|former| former.record != store::record_hash(object));
        let lost = lost.and_then(|former| parse::record(&former.unpack()));
        let memories = &self.context.memories;
        if lost.is_some() || memories.has_record(&uid) {
            let (version, found) = (parse::version(object), parse::record(object));
            memories.with(&uid, |memory| {
                memory.note_brought(version, found.as_ref(), lost);
            });
        }
    }

    /// These went, and nobody saw it.
    fn lose(&self, gone: &[Arc<KeptObject>]) {
        for object in gone {
            self.context.unindex(&object.uid);
            // Nobody saw it go: an API server that was restored from a backup lacks what was made since. Where others may serve it, too, one of
            // them may have let it go, but for what no status ever told of.
            let memories = &self.context.memories;
            let is_untold = memories.with(&object.uid, |it| it.unwritten_create().is_some());
            if self.is_only_operator || is_untold {
                self.clear_away(object.unpack(), false);
            }
            self.forget(&object.uid);
        }
    }

    /// What an object left behind that went without having been let go. Of one that nobody saw go the watch may not have brought the last.
    ///
    /// By now the object is off the index. Whoever creates says first that it does no more, and looks into the index then: so either it is
    /// seen here that nobody creates, or is seen there that the object is gone. Both may be; what is deleted twice is gone all the same.
    fn clear_away(&self, brought: Arc<RecordingCallback>, was_seen_to_go: bool) {
        let (uid, version) = (parse::uid(&brought), parse::version(&brought));
        let leftover = self.context.memories.with(&uid, |memory| {
            let newer = memory.newer_than(version).filter(|_| !was_seen_to_go);
            let object = newer.unwrap_or(brought);
            if memory.posting {
                // Whoever posts clears away what it makes, and as this says.
                memory.written = Some(object);
                return None;
            }
            if memory.released {
                return None;
            }
            Leftover::of(object, memory, was_seen_to_go)
        });
        if let Some(leftover) = leftover {
            self.context.clear_away(leftover);
        }
    }

    /// An object is gone, or no longer ours to serve: it is forgotten at once, unless somebody posts for it still.
    fn forget(&self, uid: &str) {
        let memories = &self.context.memories;
        memories.wake(uid);
        if !memories.with(uid, |memory| memory.posting) {
            memories.forget(uid);
        }
    }
}
