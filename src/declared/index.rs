//! Which objects want the same place, and which ids the statuses hold. Kept up to date by the watch, asked by every reconcile. No I/O;
//! who of them owns the place is `plan::ownership`'s.

mod entry;
mod ranks;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use self::entry::{IndexEntry, Rivals};
use self::ranks::{ProjectAddress, Ranks};
use super::parse;
use crate::api::RecordingCallback;
use crate::lock::lock;
use crate::plan::facts::OtherOwner;
use crate::plan::facts::place::Place;
use crate::plan::ownership::Sight;
use crate::sparse::Sparse as _;
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
    /// Who takes part, and stands first at a place.
    ranks: Ranks,
}

impl Index {
    /// An empty one.
    pub fn new(settle_time: Duration) -> Self {
        Self {
            tables: Mutex::default(),
            settle_time,
        }
    }

    /// Takes note of an object as it is now. Gives its place, if this may make another the owner: who else wants it is to be told.
    pub fn put(&self, object: &RecordingCallback) -> Option<Arc<Place>> {
        let uid = parse::uid(object);
        let version = parse::version(object);
        let mut tables = self.lock();
        if tables
            .entries
            .get(uid.as_str())
            .is_some_and(|entry| entry.version > version)
        {
            return None;
        }
        let was_first = tables.is_first(&uid, self.settle_time);
        let before = tables.take(&uid);
        let entry = IndexEntry::of(object, before.as_deref());
        let claimed = before.as_ref().map(|entry| entry.claim());
        let claimed = claimed.unwrap_or_default();
        let (claim, place) = (entry.claim(), Arc::clone(&entry.place));
        let has_moved = before
            .as_ref()
            .is_some_and(|it| it.project != entry.project);
        let is_other = claim != claimed || has_moved;
        let counts = claim.always_counts() || claimed.always_counts();
        let uid = Arc::clone(&entry.uid);
        tables.add(Box::new(entry));
        tables.rank(&uid, self.settle_time);
        let counts = counts || was_first || tables.is_first(&uid, self.settle_time);
        (is_other && counts).then_some(place)
    }

    /// The same for an object that a write or read of our own brought: one that left what is served here meanwhile stays forgotten.
    pub fn update(&self, object: &RecordingCallback) -> Option<Arc<Place>> {
        if self.has(&parse::uid(object)) {
            self.put(object)
        } else {
            None
        }
    }

    /// A look with the object's own credentials succeeded in this project: from now on it takes part.
    pub fn note_look(&self, uid: &str, target: &Target) {
        let mut tables = self.lock();
        if let Some(entry) = tables.entries.get_mut(uid) {
            let project = (target.project_id.clone(), target.endpoint.clone());
            let known = entry.project.clone().filter(|known| **known == project);
            let project = known.unwrap_or_else(|| Arc::new(project));
            entry.looked_at = Some(Arc::clone(&project));
            // What it holds, or may have made, lies where that is recorded.
            if entry.id.is_none() && !entry.open || entry.project.is_none() {
                entry.project = Some(project);
            }
            entry.look_failed = None;
        }
        tables.rank(uid, self.settle_time);
    }

    /// A look with the object's own credentials failed: what its record may have made can't be told.
    pub fn note_failed_look(&self, uid: &str) {
        let mut tables = self.lock();
        if let Some(entry) = tables.entries.get_mut(uid) {
            entry.look_failed = Some(Instant::now());
        }
        tables.rank(uid, self.settle_time);
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

    /// Forgets an object. Gives its place, if this may make another the owner.
    pub fn remove(&self, uid: &str) -> Option<Arc<Place>> {
        let mut tables = self.lock();
        let was_first = tables.is_first(uid, self.settle_time);
        let entry = tables.take(uid)?;
        let counted = was_first || entry.claim().always_counts();
        counted.then_some(entry.place)
    }

    /// The names of the objects that want this place or look at it, but for one.
    pub fn names_at(&self, place: &Place, but: Option<&str>) -> Vec<Arc<str>> {
        let tables = self.lock();
        let users = tables.places.get(place).map(|users| users.0.iter());
        users
            .into_iter()
            .flatten()
            .filter(|user| but != Some(&***user))
            .filter_map(|user| tables.entries.get(user))
            .map(|entry| Arc::from(&*entry.name))
            .collect()
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

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether the object is there and ours to serve.
    pub fn has(&self, uid: &str) -> bool {
        self.lock().entries.contains_key(uid)
    }

    /// The object that owns the place of this one, if that is another, to one who knows so much of what lies there.
    pub fn owner_elsewhere(
        &self,
        uid: &str,
        place: &Place,
        target: &Target,
        sight: Sight<'_>,
    ) -> Option<OtherOwner> {
        let mut tables = self.lock();
        let project = Arc::new((target.project_id.clone(), target.endpoint.clone()));
        let place = Arc::clone(tables.places.get_key_value(place)?.0);
        let here = tables.first(&place, &project, self.settle_time);
        let afar = tables.firsts_afar(&place, &project, self.settle_time);
        let others = |uids: Vec<Arc<str>>| {
            let others = uids.into_iter().filter(|other| **other != *uid);
            let others = others.filter_map(|other| tables.entries.get(&other));
            others.map(|other| &**other).collect::<Vec<_>>()
        };
        // It takes part itself, also where another project was its own until now.
        let own = tables.entries.get(uid).map(|own| &**own);
        let rivals = Rivals {
            own: own.filter(|own| own.place == place && !own.wants_nothing()),
            here: others(here.into_iter().collect()).pop(),
            afar: others(afar),
        };
        rivals.owner(&project, sight, self.settle_time)
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
    /// Who stands first of those that want a place in a project.
    fn first(
        &mut self,
        place: &Arc<Place>,
        project: &Arc<ProjectAddress>,
        settle_time: Duration,
    ) -> Option<Arc<str>> {
        loop {
            let first = self.ranks.first(place, project)?;
            let uid = Arc::clone(&first.2.uid);
            let standing = self.entries.get(&uid)?.standing(settle_time);
            if standing.as_ref() == Some(first) {
                return Some(uid);
            }
            // Its record has been open for so long that it counts no more.
            self.rank(&uid, settle_time);
        }
    }

    /// Who stands first at each other address through which somebody wants the same place.
    fn firsts_afar(
        &mut self,
        place: &Arc<Place>,
        project: &Arc<ProjectAddress>,
        settle_time: Duration,
    ) -> Vec<Arc<str>> {
        let addresses = self.ranks.addresses(place, &project.0).into_iter();
        let afar = addresses.filter(|address| address != project);
        afar.filter_map(|address| self.first(place, &address, settle_time))
            .collect()
    }

    /// Whether an object is the first of its place, where others may know it to be.
    fn is_first(&mut self, uid: &str, settle_time: Duration) -> bool {
        let entry = self.entries.get(uid);
        let Some((place, project, _)) = entry.and_then(|entry| entry.rank.as_deref()) else {
            return false;
        };
        let (place, project) = (Arc::clone(place), Arc::clone(project));
        let first = self.first(&place, &project, settle_time);
        first.is_some_and(|first| *first == *uid)
    }

    /// Has an object stand where it belongs by now.
    fn rank(&mut self, uid: &str, settle_time: Duration) {
        if let Some(entry) = self.entries.get_mut(uid) {
            let now = entry.standing(settle_time);
            entry.rank = self.ranks.replace(entry.rank.take(), now);
        }
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
        let mut entry = self.entries.remove(uid)?;
        self.entries.give_back();
        entry.rank = self.ranks.replace(entry.rank.take(), None);
        let without = |users: Option<&mut SortedUids>| {
            users.is_some_and(|users| {
                users.remove(uid);
                users.0.is_empty()
            })
        };
        if without(self.places.get_mut(&entry.place)) {
            self.places.remove(&entry.place);
            self.places.give_back();
        }
        if let Some(id) = &entry.id
            && without(self.ids.get_mut(id))
        {
            self.ids.remove(id);
            self.ids.give_back();
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
