//! Which objects want the same place, and which ids the statuses hold. Kept up to date by the watch, asked by every reconcile. No I/O;
//! who of them owns the place is `plan::ownership`'s.

mod entry;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use self::entry::{ClaimKey, IndexEntry};
use super::parse;
use crate::api::RecordingCallback;
use crate::lock::lock;
use crate::plan::facts::OtherOwner;
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::ownership::{Candidate, find_owner};
use crate::terms::target::Target;

/// All objects that this operator serves, by place and by id.
pub struct Index {
    tables: Mutex<Tables>,
    settle_time: Duration,
}

/// UIDs in their order; of one object most of the time, for which a tree would be large.
#[derive(Default)]
struct SortedUids(Vec<Arc<str>>);

/// There are many entries: what they have in common is there once, and the room that a table keeps for more is none for whole entries.
#[derive(Default)]
struct Tables {
    entries: HashMap<Arc<str>, Box<IndexEntry>>,
    places: HashMap<Arc<Place>, SortedUids>,
    ids: HashMap<Arc<str>, SortedUids>,
}

impl Index {
    /// An empty one.
    pub fn new(settle_time: Duration) -> Self {
        Self {
            tables: Mutex::default(),
            settle_time,
        }
    }

    /// Takes note of an object as it is now. Gives those that want the same place, if this may make another the owner.
    pub fn put(&self, object: &RecordingCallback) -> Vec<ObjectRef<RecordingCallback>> {
        let uid = parse::uid(object);
        let version = parse::version(object);
        let mut tables = self.lock();
        if tables
            .entries
            .get(uid.as_str())
            .is_some_and(|entry| entry.version > version)
        {
            return Vec::new();
        }
        let before = tables.take(&uid);
        let status = object.status.as_ref();
        let closed = status.and_then(|status| status.closed_operation.as_deref());
        let record = parse::record(object);
        let open = record.as_ref().is_some_and(|r| r.is_open(closed));
        let newest = record.as_ref().filter(|_| open).and_then(Record::newest);
        let attempt = newest.map(|newest| {
            let seen = before.as_ref().and_then(|entry| entry.attempt.clone());
            let seen = seen.filter(|(id, _)| **id == *newest.id);
            seen.unwrap_or_else(|| (newest.id.as_str().into(), Instant::now()))
        });
        let meta = parse::object(object);
        let project = status
            .and_then(|status| status.target.clone())
            .map(|target| (target.region, target.project_id))
            .or_else(|| record.map(|record| (record.target.region, record.target.project_id)));
        let known = before.as_ref().and_then(|entry| entry.project.clone());
        let project = match (project, known) {
            (Some(project), Some(known)) if *known == project => Some(known),
            (Some(project), _) => Some(Arc::new(project)),
            (None, known) => known,
        };
        let let_go = meta.deleting && !meta.finalizer;
        let id = status.and_then(|status| status.callback_id.as_deref());
        let id = id.filter(|_| !let_go);
        let entry = IndexEntry {
            name: format!("{}/{}", meta.namespace, meta.name).into(),
            uid: uid.into(),
            place: Arc::new(parse::place(&object.spec)),
            project,
            looked_at: before.as_ref().and_then(|entry| entry.looked_at.clone()),
            looks_fail: before.as_ref().is_some_and(|entry| entry.looks_fail),
            let_go,
            attempt,
            observes: parse::policies(&object.spec).observe,
            created: object
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
            open,
            deleting: meta.deleting,
            id: id.map(Arc::from),
            version,
        };
        let claimed = before
            .as_ref()
            .map_or(ClaimKey::default(), |entry| entry.claim());
        let others = if entry.claim() == claimed {
            Vec::new()
        } else {
            tables.at(&entry.place)
        };
        tables.add(Box::new(entry));
        others
    }

    /// The same for an object that a write or read of our own brought: one that left what is served here meanwhile stays forgotten.
    pub fn update(&self, object: &RecordingCallback) -> Vec<ObjectRef<RecordingCallback>> {
        if self.has(&parse::uid(object)) {
            self.put(object)
        } else {
            Vec::new()
        }
    }

    /// A look with the object's own credentials succeeded in this project: from now on it takes part.
    pub fn note_look(&self, uid: &str, target: &Target) {
        if let Some(entry) = self.lock().entries.get_mut(uid) {
            let project = (target.region.clone(), target.project_id.clone());
            let known = entry.project.take().filter(|known| **known == project);
            let project = known.unwrap_or_else(|| Arc::new(project));
            entry.looked_at = Some(Arc::clone(&project));
            entry.project = Some(project);
            entry.looks_fail = false;
        }
    }

    /// A look with the object's own credentials failed: what its record may have made can't be told.
    pub fn note_failed_look(&self, uid: &str) {
        if let Some(entry) = self.lock().entries.get_mut(uid) {
            entry.looks_fail = true;
        }
    }

    /// Resource versions went back: what is read from now on is not older than what was read before.
    pub fn rewind(&self) {
        for entry in self.lock().entries.values_mut() {
            entry.version = 0;
        }
    }

    /// The same of one object.
    pub fn rewind_object(&self, uid: &str) {
        if let Some(entry) = self.lock().entries.get_mut(uid) {
            entry.version = 0;
        }
    }

    /// Forgets an object. Gives those that want the same place.
    pub fn remove(&self, uid: &str) -> Vec<ObjectRef<RecordingCallback>> {
        let mut tables = self.lock();
        let Some(entry) = tables.take(uid) else {
            return Vec::new();
        };
        tables.at(&entry.place)
    }

    /// The domains that these objects name.
    pub fn domains(&self, uids: &BTreeSet<String>) -> BTreeSet<String> {
        let tables = self.lock();
        let entries = uids
            .iter()
            .filter_map(|uid| tables.entries.get(uid.as_str()));
        entries
            .map(|entry| entry.place.domain().to_owned())
            .collect()
    }

    /// Whether an object holds this id.
    pub fn is_held(&self, id: &str) -> bool {
        self.lock().ids.contains_key(id)
    }

    /// Whether the object is there and ours to serve.
    pub fn has(&self, uid: &str) -> bool {
        self.lock().entries.contains_key(uid)
    }

    /// The object that owns the place of this one, if that is another.
    pub fn owner_elsewhere(&self, uid: &str, place: &Place, target: &Target) -> Option<OtherOwner> {
        let tables = self.lock();
        let project = (target.region.clone(), target.project_id.clone());
        let candidates: Vec<Candidate> = tables
            .places
            .get(place)?
            .0
            .iter()
            .filter_map(|other| tables.entries.get(other))
            .filter(|entry| !entry.observes && !entry.let_go)
            .filter(|entry| *entry.uid == *uid || entry.project.as_deref() == Some(&project))
            .map(|entry| entry.as_candidate(&project, self.settle_time))
            .collect();
        find_owner(&candidates)
            .filter(|owner| owner.uid != uid)
            .map(|owner| OtherOwner {
                name: owner.name.clone(),
                id: tables
                    .entries
                    .get(owner.uid.as_str())
                    .and_then(|it| it.id.as_deref().map(str::to_owned)),
                deleting: owner.deleting,
                unproven: !owner.holds && !owner.has_looked,
            })
    }

    /// The ids that the statuses of other objects hold, of those given.
    pub fn held_by_others<'a>(
        &self,
        uid: &str,
        ids: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        let tables = self.lock();
        ids.filter(|id| {
            tables
                .ids
                .get(*id)
                .is_some_and(|holders| holders.0.iter().any(|holder| **holder != *uid))
        })
        .map(str::to_owned)
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }
}

impl Tables {
    /// The objects that want this place.
    fn at(&self, place: &Place) -> Vec<ObjectRef<RecordingCallback>> {
        let users = self.places.get(place).map(|users| users.0.iter());
        users
            .into_iter()
            .flatten()
            .filter_map(|user| self.entries.get(user))
            .map(|entry| entry.object())
            .collect()
    }

    fn add(&mut self, entry: Box<IndexEntry>) {
        let uid = Arc::clone(&entry.uid);
        let users = self.places.entry(Arc::clone(&entry.place)).or_default();
        users.insert(&uid);
        if let Some(id) = &entry.id {
            self.ids.entry(Arc::clone(id)).or_default().insert(&uid);
        }
        self.entries.insert(uid, entry);
    }

    fn take(&mut self, uid: &str) -> Option<Box<IndexEntry>> {
        let entry = self.entries.remove(uid)?;
        let without = |users: Option<&mut SortedUids>| {
            users.is_some_and(|users| {
                users.remove(uid);
                users.0.is_empty()
            })
        };
        if without(self.places.get_mut(&entry.place)) {
            self.places.remove(&entry.place);
        }
        if let Some(id) = &entry.id
            && without(self.ids.get_mut(id))
        {
            self.ids.remove(id);
        }
        Some(entry)
    }
}

impl SortedUids {
    fn insert(&mut self, uid: &Arc<str>) {
        if let Err(at) = self.0.binary_search(uid) {
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.insert(at, Arc::clone(uid));
        }
    }

    fn remove(&mut self, uid: &str) {
        if let Ok(at) = self.0.binary_search_by(|other| (**other).cmp(uid)) {
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests;
