//! The objects that a watch has brought: of each what is asked of all of them again and again, and the rest packed. Waking is decided
//! here, by comparing; nothing else is.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use tokio::sync::watch;

use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
use crate::cluster::packed::PackedObject;
use crate::controller::ObjectEvent;
use crate::declared::parse;
use crate::hash::hash;
use crate::lock::lock;
use crate::login::secret::References;
use crate::plan::facts::conditions;
use crate::plan::facts::reason::Reason;
use crate::sparse::Sparse as _;

/// After so long without an event the next one may give work, whatever it says.
const SILENCE: Duration = Duration::from_hours(1);

/// What is kept of one object.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct KeptObject {
    /// `namespace/name`.
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
    /// Its resourceVersion.
    pub(super) version: u64,
    /// What it refers to; the same for many.
    pub(super) references: Arc<References>,
    /// Why it is Ready or not, if that was told.
    pub(super) reason: Option<Reason>,
    pub(super) is_ready: bool,
    pub(super) is_deleted: bool,
    pub(super) has_id: bool,
    /// Whether its status tells of a credential that was refused.
    pub(super) is_refused: bool,
    /// Whether a sweep compares it: settled, or one that only looks.
    pub(super) is_compared: bool,
    /// Stands for its record, if it has one.
    pub(super) record: Option<NonZeroU64>,
    /// A hash of all that may give work.
    trigger: u64,
    /// When its newest event came.
    seen: Instant,
    packed: PackedObject,
}

/// An object in a set, found by its name.
#[derive(Debug)]
struct ByName(Arc<KeptObject>);

/// The objects that a watch has brought; a handle.
#[derive(Clone)]
pub(super) struct ObjectStore(Arc<StoreState>);

struct StoreState {
    kept: Mutex<Kept>,
    is_listed: watch::Sender<bool>,
}

#[derive(Default)]
struct Kept {
    known: HashSet<ByName>,
    /// Those of a list that is under way.
    listing: HashSet<ByName>,
    /// What is referred to, each once.
    references: HashSet<Arc<References>>,
    /// From so many on it is looked which of them are in use.
    tidied_at: usize,
}

impl KeptObject {
    /// The object itself.
    pub(super) fn unpack(&self) -> Arc<RecordingCallback> {
        #[cfg(test)]
        UNPACKED.set(UNPACKED.get() + 1);
        Arc::new(self.packed.unpack())
    }

    /// How it is referred to.
    pub(super) fn object_ref(&self) -> ObjectRef<RecordingCallback> {
        let (namespace, name) = self.name.split_once('/').unwrap_or_default();
        ObjectRef::new(name).within(namespace)
    }

    /// Its namespace.
    pub(super) fn namespace(&self) -> &str {
        self.name.split_once('/').unwrap_or_default().0
    }

    fn is_news_to(&self, former: Option<&Arc<Self>>) -> bool {
        former.is_none_or(|former| {
            former.uid != self.uid
                || former.trigger != self.trigger
                || self.seen.duration_since(former.seen) >= SILENCE
        })
    }
}

impl Default for ObjectStore {
    fn default() -> Self {
        Self(Arc::new(StoreState {
            kept: Mutex::default(),
            is_listed: watch::Sender::new(false),
        }))
    }
}

impl ObjectStore {
    /// Takes an event in. Gives the object if something changed that may give work; after something was missed, which counts up the
    /// epoch, everything may.
    pub(super) fn apply(&self, event: &ObjectEvent, epoch: u64) -> Option<Arc<KeptObject>> {
        match event {
            watcher::Event::Apply(object) => self.lock().keep(object, epoch, false),
            watcher::Event::InitApply(object) => self.lock().keep(object, epoch, true),
            watcher::Event::Delete(object) => {
                let uid = parse::uid(object);
                let mut kept = self.lock();
                let name = name(object);
                if kept.find(&name).is_some_and(|known| *known.uid == *uid) {
                    kept.known.remove(name.as_str());
                    kept.known.give_back();
                }
                None
            }
            watcher::Event::Init => {
                // What a list has shown that broke off was brought: else nobody would notice that the next one lacks it.
                let mut kept = self.lock();
                for shown in std::mem::take(&mut kept.listing) {
                    kept.known.replace(shown);
                }
                None
            }
            watcher::Event::InitDone => {
                let mut kept = self.lock();
                kept.known = std::mem::take(&mut kept.listing);
                kept.known.shrink_to_fit();
                drop(kept);
                self.0.is_listed.send_replace(true);
                None
            }
        }
    }

    /// The object of this `namespace/name`.
    pub(super) fn find(&self, name: &str) -> Option<Arc<KeptObject>> {
        self.lock().find(name).map(Arc::clone)
    }

    /// The object that is referred to.
    pub(super) fn get(&self, object: &ObjectRef<RecordingCallback>) -> Option<Arc<KeptObject>> {
        self.find(&full_name(object))
    }

    /// All objects.
    pub(super) fn all(&self) -> Vec<Arc<KeptObject>> {
        let kept = self.lock();
        kept.known
            .iter()
            .map(|ByName(kept)| Arc::clone(kept))
            .collect()
    }

    /// Those of which the list under way shows that another has the name.
    pub(super) fn replaced(&self) -> Vec<Arc<KeptObject>> {
        let kept = self.lock();
        let listed = kept.listing.iter().map(|ByName(listed)| listed);
        let former = listed.filter_map(|listed| {
            let ByName(known) = kept.known.get(&*listed.name)?;
            (known.uid != listed.uid).then(|| Arc::clone(known))
        });
        former.collect()
    }

    /// Those that the list under way does not show.
    pub(super) fn unlisted(&self) -> Vec<Arc<KeptObject>> {
        let kept = self.lock();
        let listed: HashSet<&str> = kept.listing.iter().map(|ByName(kept)| &*kept.uid).collect();
        let known = kept.known.iter().map(|ByName(kept)| kept);
        known
            .filter(|kept| !listed.contains(&*kept.uid))
            .map(Arc::clone)
            .collect()
    }

    /// Waits for the first list.
    pub(super) async fn listed(&self) {
        let mut is_listed = self.0.is_listed.subscribe();
        // The sender lives as long as this value.
        let _ = is_listed.wait_for(|is_listed| *is_listed).await;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0.kept)
    }
}

impl Kept {
    /// What a list under way has shown is newer than what was known before: who is woken by it is to work on it.
    fn find(&self, name: &str) -> Option<&Arc<KeptObject>> {
        let found = self.listing.get(name).or_else(|| self.known.get(name));
        found.map(|ByName(kept)| kept)
    }

    fn keep(
        &mut self,
        object: &RecordingCallback,
        epoch: u64,
        is_listed: bool,
    ) -> Option<Arc<KeptObject>> {
        let status = object.status.as_ref();
        let policies = parse::policies(&object.spec);
        let is_deleted = object.metadata.deletion_timestamp.is_some();
        let has_id = status.is_some_and(|status| status.callback_id.is_some());
        let reason = status.and_then(conditions::ready);
        let kept = Arc::new(KeptObject {
            name: name(object).into(),
            uid: parse::uid(object).into(),
            version: parse::version(object),
            references: self.share(References::of(object)),
            reason: reason.and_then(|ready| Reason::parse(&ready.reason)),
            is_ready: status.is_some_and(conditions::is_ready),
            is_deleted,
            has_id,
            is_refused: status.is_some_and(|status| status.rejected_credential.is_some()),
            is_compared: !is_deleted && !policies.suspend && (has_id || policies.observe),
            record: record_hash(object),
            trigger: trigger_hash(object, epoch),
            seen: Instant::now(),
            packed: PackedObject::new(object),
        });
        let is_news = kept.is_news_to(self.find(&kept.name));
        let place = if is_listed {
            &mut self.listing
        } else {
            &mut self.known
        };
        place.replace(ByName(Arc::clone(&kept)));
        is_news.then_some(kept)
    }

    fn share(&mut self, references: References) -> Arc<References> {
        if let Some(known) = self.references.get(&references) {
            return Arc::clone(known);
        }
        if self.references.len() >= self.tidied_at {
            self.references.retain(|known| Arc::strong_count(known) > 1);
            self.references.give_back();
            self.tidied_at = 2 * self.references.len() + 16;
        }
        let references = Arc::new(references);
        self.references.insert(Arc::clone(&references));
        references
    }
}

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}

/// `namespace/name`.
fn name(object: &RecordingCallback) -> String {
    let namespace = object.namespace().unwrap_or_default();
    format!("{namespace}/{}", object.name_any())
}

/// The same of a reference.
fn full_name(object: &ObjectRef<RecordingCallback>) -> String {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    format!("{namespace}/{}", object.name)
}

/// Stands for the record of an object, if it has one.
pub(super) fn record_hash(object: &RecordingCallback) -> Option<NonZeroU64> {
    let record = object
        .metadata
        .annotations
        .as_ref()?
        .get(PENDING_OPERATION)?;
    Some(hash(record))
}

/// A hash of all that may give work: our own writes to the status do not. After something was missed everything does.
fn trigger_hash(object: &RecordingCallback, epoch: u64) -> u64 {
    let annotations = object.metadata.annotations.as_ref();
    let mut hasher = DefaultHasher::new();
    epoch.hash(&mut hasher);
    object.metadata.generation.hash(&mut hasher);
    object.metadata.finalizers.hash(&mut hasher);
    object
        .metadata
        .deletion_timestamp
        .is_some()
        .hash(&mut hasher);
    annotations
        .and_then(|all| all.get(RECONCILE_REQUESTED_AT))
        .hash(&mut hasher);
    annotations
        .and_then(|all| all.get(PENDING_OPERATION))
        .hash(&mut hasher);
    // A status that somebody wiped.
    let status = object.status.as_ref();
    status.map(|status| &status.callback_id).hash(&mut hasher);
    status
        .is_some_and(|status| status.conditions.is_empty())
        .hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
thread_local! {
    /// How many objects were unpacked.
    pub(super) static UNPACKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
