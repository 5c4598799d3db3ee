//! What many states share: a value that is cheap to clone and hashed once, and how worlds end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

/// A world that goes on by itself when nothing more happens to it.
pub(super) trait SharedWorld: Clone + Hash {
    /// How it ends.
    type Verdict: Copy;
    /// Of one that goes on for ever.
    const ENDLESS: Self::Verdict;

    /// One step. `false` when it has come to its end.
    fn go_on(&mut self) -> bool;
    fn end(&self) -> Self::Verdict;
}

/// How the worlds end that were followed to their end.
pub(super) struct Ends<W: SharedWorld>(Mutex<HashMap<u64, W::Verdict>>);

impl<W: SharedWorld> Default for Ends<W> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<W: SharedWorld> Ends<W> {
    /// How this one ends if nothing more happens to it. What it comes by on the way ends alike.
    pub(super) fn of(&self, world: &W) -> W::Verdict {
        let (mut world, mut passed) = (world.clone(), Vec::new());
        let verdict = loop {
            let key = hash(&world);
            if let Some(known) = self.0.lock().unwrap().get(&key) {
                break *known;
            }
            passed.push(key);
            if !world.go_on() {
                break world.end();
            }
            if passed.len() > 1000 {
                break W::ENDLESS;
            }
        };
        let passed = passed.into_iter().map(|key| (key, verdict));
        self.0.lock().unwrap().extend(passed);
        verdict
    }
}

#[derive(Debug, Clone)]
pub(super) struct SharedModel<T>(Arc<(u64, T)>);

impl<T: Hash> From<T> for SharedModel<T> {
    fn from(value: T) -> Self {
        Self(Arc::new((hash(&value), value)))
    }
}

impl<T> Deref for SharedModel<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T: PartialEq> PartialEq for SharedModel<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T> Hash for SharedModel<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.0);
    }
}

pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
