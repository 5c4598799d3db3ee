//! Which objects are to be reconciled although they did not change themselves. However often they are woken, no more is kept than there
//! are objects and places, and nothing once all are handed on. A level: what is woken after it was handed on is handed on again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::Notify;

use super::runner::Wake;
use crate::declared::index::Index;
use crate::lock::lock;
use crate::plan::facts::place::Place;

/// What waits to be woken, for each controller its own.
pub(super) struct Triggers {
    inboxes: Vec<Arc<Inbox>>,
}

/// Of one controller.
struct Inbox {
    /// The namespace that it serves, if not all.
    namespace: Option<String>,
    pending: Mutex<PendingTriggers>,
    is_filled: Notify,
}

/// What is to be handed on, in its order: pure.
#[derive(Default)]
struct PendingTriggers {
    queue: VecDeque<Trigger>,
    objects: HashSet<Arc<str>>,
    /// With the object that need not be told, since it alone is why.
    places: HashMap<Arc<Place>, Option<Arc<str>>>,
}

enum Trigger {
    /// `namespace/name`.
    Object(Arc<str>),
    /// Everybody at a place: found when it is their turn, so that what happens there meanwhile finds them once.
    Place(Arc<Place>),
}

impl Triggers {
    /// None, for the controllers of these namespaces, or for the one of all.
    pub(super) fn new(namespaces: &[String]) -> Self {
        let each = namespaces.iter().map(|namespace| Some(namespace.clone()));
        let inboxes = match namespaces {
            [] | [_] => vec![Inbox::new(None)],
            [..] => each.map(Inbox::new).collect(),
        };
        let inboxes = inboxes.into_iter().map(Arc::new).collect();
        Self { inboxes }
    }

    /// An object is to be reconciled.
    pub(super) fn object(&self, name: &str) {
        let inbox = self.inboxes.iter().find(|inbox| inbox.serves(name));
        if let Some(inbox) = inbox {
            inbox.add(|pending| pending.add_object(name.into()));
        }
    }

    /// All at a place are to be reconciled but this one.
    pub(super) fn others_at(&self, place: &Arc<Place>, but: &str) {
        for inbox in &self.inboxes {
            inbox.add(|pending| pending.add_place(place, but));
        }
    }

    /// What each controller is to wake, in the order of the namespaces.
    pub(super) fn wakes(&self, index: &Arc<Index>) -> Vec<BoxStream<'static, Wake>> {
        let wakes = |inbox: &Arc<Inbox>| {
            let state = (Arc::clone(inbox), Arc::clone(index));
            let next = |(inbox, index): (Arc<Inbox>, Arc<Index>)| async {
                let name = inbox.next(&index).await;
                let why = "woken";
                Some((Wake { name, why }, (inbox, index)))
            };
            stream::unfold(state, next).boxed()
        };
        self.inboxes.iter().map(wakes).collect()
    }
}

impl Inbox {
    fn new(namespace: Option<String>) -> Self {
        Self {
            namespace,
            pending: Mutex::default(),
            is_filled: Notify::new(),
        }
    }

    fn serves(&self, name: &str) -> bool {
        let Some(namespace) = &self.namespace else {
            return true;
        };
        name.split_once('/')
            .is_some_and(|(found, _)| found == namespace)
    }

    fn add(&self, add: impl FnOnce(&mut PendingTriggers)) {
        self.with(add);
        self.is_filled.notify_one();
    }

    fn with<T>(&self, act: impl FnOnce(&mut PendingTriggers) -> T) -> T {
        let mut pending = lock(&self.pending);
        let done = act(&mut pending);
        #[cfg(test)]
        PEAK.set(PEAK.get().max(pending.queue.len()));
        done
    }

    async fn next(&self, index: &Index) -> Arc<str> {
        let others = |place: &Place, but: Option<&str>| {
            let mut names = index.names_at(place, but);
            names.retain(|name| self.serves(name));
            names
        };
        loop {
            let next = self.with(|pending| pending.next(others));
            if let Some(name) = next {
                return name;
            }
            self.is_filled.notified().await;
        }
    }
}

impl PendingTriggers {
    fn add_object(&mut self, name: Arc<str>) {
        if self.objects.insert(Arc::clone(&name)) {
            self.queue.push_back(Trigger::Object(name));
        }
    }

    fn add_place(&mut self, place: &Arc<Place>, but: &str) {
        if let Some(known) = self.places.get_mut(place) {
            known.take_if(|known| **known != *but);
            return;
        }
        self.places.insert(Arc::clone(place), Some(but.into()));
        self.queue.push_back(Trigger::Place(Arc::clone(place)));
    }

    /// The next object. Whoever is at a place lines up behind what waits already.
    fn next(&mut self, others: impl Fn(&Place, Option<&str>) -> Vec<Arc<str>>) -> Option<Arc<str>> {
        while let Some(first) = self.queue.pop_front() {
            match first {
                Trigger::Object(name) => {
                    self.objects.remove(&name);
                    return Some(name);
                }
                Trigger::Place(place) => {
                    let but = self.places.remove(&place).flatten();
                    for name in others(&place, but.as_deref()) {
                        self.add_object(name);
                    }
                }
            }
        }
        *self = Self::default();
        None
    }
}

#[cfg(test)]
thread_local! {
    /// How many waited at once.
    pub(super) static PEAK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
