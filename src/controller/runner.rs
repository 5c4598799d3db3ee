//! Runs reconciles: of each object one at a time, of all objects side by side, each as soon as it is due. Nothing is kept of an object
//! that nothing is due for.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument as _, debug_span};

use super::store::{KeptObject, ObjectStore};
use crate::stop::Stop;

/// An object that is to be reconciled.
#[derive(Debug)]
pub(super) struct Wake {
    /// `namespace/name`.
    pub(super) name: Arc<str>,
    /// Why, in words.
    pub(super) why: &'static str,
}

/// When an object is to be reconciled again by itself.
#[derive(Debug)]
pub(super) struct Comeback {
    pub(super) after: Duration,
    /// Why, in words.
    pub(super) why: &'static str,
}

/// Which objects are reconciled, and which are due when. Pure.
#[derive(Default)]
struct Agenda {
    objects: HashMap<Arc<str>, Errand>,
    /// Those that are not under way, by when they are due; what came first goes first.
    due: BTreeMap<(Instant, u64), Arc<str>>,
    order: u64,
}

/// What is to be done for one object.
struct Errand {
    is_under_way: bool,
    next: Option<Appointment>,
}

#[derive(Clone, Copy)]
struct Appointment {
    at: (Instant, u64),
    why: &'static str,
}

/// Reconciles the objects of a store as they are woken, once the first list is complete. Ends when that is requested, and those under
/// way have ended.
pub(super) async fn run<R>(
    store: &ObjectStore,
    wakes: impl Stream<Item = Wake>,
    stop: &Stop,
    reconcile: impl Fn(Arc<KeptObject>) -> R,
) where
    R: Future<Output = Option<Comeback>> + Send + 'static,
{
    let mut wakes = pin!(wakes);
    let (mut agenda, mut under_way) = (Agenda::default(), JoinSet::new());
    let mut listed = pin!(store.listed());
    let mut is_listed = false;
    loop {
        let now = Instant::now();
        while is_listed && let Some((name, why)) = agenda.begin(now) {
            let Some(object) = store.find(&name) else {
                agenda.end(&name, None);
                continue;
            };
            let span = debug_span!(
                "reconciling object",
                "object.ref" = &*name,
                object.reason = why
            );
            let work = span.in_scope(|| reconcile(object));
            under_way.spawn(async move { (name, work.await, Instant::now()) }.instrument(span));
        }
        let due = agenda.due().filter(|_| is_listed);
        tokio::select! {
            Some(ended) = under_way.join_next() => match ended {
                Ok((name, comeback, at)) => agenda.end(&name, comeback.map(|comeback| (at, comeback)).as_ref()),
                Err(failed) => if let Ok(panic) = failed.try_into_panic() {
                    std::panic::resume_unwind(panic);
                },
            },
            Some(wake) = wakes.next() => agenda.wake(wake, Instant::now()),
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            () = &mut listed, if !is_listed => is_listed = true,
            () = stop.requested() => break,
        }
    }
    while under_way.join_next().await.is_some() {}
}

impl Agenda {
    /// An object is due at a time, unless it is due before anyway.
    fn wake(&mut self, Wake { name, why }: Wake, at: Instant) {
        self.order += 1;
        let at = (at, self.order);
        let errand = self.objects.entry(Arc::clone(&name)).or_insert(Errand {
            is_under_way: false,
            next: None,
        });
        if errand.next.is_some_and(|next| next.at <= at) {
            return;
        }
        let former = errand.next.replace(Appointment { at, why });
        if !errand.is_under_way {
            if let Some(former) = former {
                self.due.remove(&former.at);
            }
            self.due.insert(at, name);
        }
    }

    /// The next one that is due, and why; it is under way from now on.
    fn begin(&mut self, now: Instant) -> Option<(Arc<str>, &'static str)> {
        let first = self.due.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let name = first.remove();
        let errand = self.objects.get_mut(&name)?;
        errand.is_under_way = true;
        let next = errand.next.take()?;
        Some((name, next.why))
    }

    /// One has ended, and perhaps comes back by itself.
    fn end(&mut self, name: &Arc<str>, comeback: Option<&(Instant, Comeback)>) {
        if let Some((ended, Comeback { after, why })) = comeback
            && let Some(at) = ended.checked_add(*after)
        {
            let name = Arc::clone(name);
            self.wake(Wake { name, why }, at);
        }
        let Some(errand) = self.objects.get_mut(name) else {
            return;
        };
        errand.is_under_way = false;
        if let Some(next) = errand.next {
            self.due.insert(next.at, Arc::clone(name));
            return;
        }
        self.objects.remove(name);
        if self.objects.len() < self.objects.capacity() / 4 {
            self.objects.shrink_to_fit();
        }
    }

    /// When the next one is due.
    fn due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake(name: &str) -> Wake {
        Wake {
            name: name.into(),
            why: "a test",
        }
    }

    fn begun(agenda: &mut Agenda, now: Instant) -> Vec<Arc<str>> {
        std::iter::from_fn(|| Some(agenda.begin(now)?.0)).collect()
    }

    fn comeback(at: Instant, seconds: u64) -> (Instant, Comeback) {
        let after = Duration::from_secs(seconds);
        let why = "a test";
        (at, Comeback { after, why })
    }

    #[test]
    fn an_object_is_under_way_once_and_what_came_meanwhile_comes_after_it() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        for name in ["b", "a", "b"] {
            agenda.wake(wake(name), now);
        }
        let first = begun(&mut agenda, now);
        assert_eq!(first, ["b".into(), "a".into()], "in the order they came");
        agenda.wake(wake("b"), now);
        assert!(begun(&mut agenda, now).is_empty());
        agenda.end(&"b".into(), None);
        assert_eq!(begun(&mut agenda, now), ["b".into()]);
        agenda.end(&"b".into(), None);
        agenda.end(&"a".into(), None);
        assert!(agenda.objects.is_empty() && agenda.due().is_none());
    }

    #[test]
    fn the_earliest_of_all_that_wakes_an_object_counts() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        let later = now + Duration::from_secs(10);
        agenda.wake(wake("a"), now);
        assert_eq!(begun(&mut agenda, now).len(), 1);
        agenda.end(&"a".into(), Some(&comeback(now, 10)));
        assert_eq!(agenda.due(), Some(later));
        agenda.wake(wake("a"), now + Duration::from_secs(20));
        assert_eq!(agenda.due(), Some(later));
        agenda.wake(wake("a"), now);
        assert_eq!(begun(&mut agenda, now).len(), 1);
        assert_eq!(agenda.due(), None, "the later one is over, too");
        // It was woken while it was under way: that is before it comes back by itself.
        agenda.wake(wake("a"), now);
        agenda.end(&"a".into(), Some(&comeback(now, 10)));
        assert_eq!(agenda.due(), Some(now));
    }

    #[test]
    fn nothing_is_kept_of_objects_that_nothing_is_due_for() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        for number in 0..1000 {
            agenda.wake(wake(&number.to_string()), now);
        }
        for name in begun(&mut agenda, now) {
            agenda.end(&name, None);
        }
        assert!(
            agenda.objects.capacity() < 16,
            "{}",
            agenda.objects.capacity()
        );
    }
}
