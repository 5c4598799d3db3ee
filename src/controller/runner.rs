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
use crate::sparse::Sparse as _;
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
pub(super) struct RequeueAfter {
    pub(super) after: Duration,
    /// Why, in words.
    pub(super) why: &'static str,
}

/// Which objects are reconciled, and which are due when. Pure.
#[derive(Default)]
struct WorkQueue {
    objects: HashMap<Arc<str>, QueuedObject>,
    /// Those that are not under way, by when they are due; what came first goes first.
    due: BTreeMap<(Instant, u64), Arc<str>>,
    order: u64,
}

/// What is to be done for one object.
struct QueuedObject {
    is_under_way: bool,
    next: Option<DueTime>,
}

#[derive(Clone, Copy)]
struct DueTime {
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
    R: Future<Output = Option<RequeueAfter>> + Send + 'static,
{
    let mut wakes = pin!(wakes);
    let (mut queue, mut under_way) = (WorkQueue::default(), JoinSet::new());
    let mut listed = pin!(store.listed());
    let mut is_listed = false;
    loop {
        let now = Instant::now();
        while is_listed && let Some((name, why)) = queue.begin(now) {
            let Some(object) = store.find(&name) else {
                queue.end(&name, None);
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
        let due = queue.due().filter(|_| is_listed);
        tokio::select! {
            Some(ended) = under_way.join_next() => match ended {
                Ok((name, requeue, at)) => queue.end(&name, requeue.map(|requeue| (at, requeue)).as_ref()),
                Err(failed) => if let Ok(panic) = failed.try_into_panic() {
                    std::panic::resume_unwind(panic);
                },
            },
            Some(wake) = wakes.next() => queue.wake(wake, Instant::now()),
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            () = &mut listed, if !is_listed => is_listed = true,
            () = stop.requested() => break,
        }
    }
    while under_way.join_next().await.is_some() {}
}

impl WorkQueue {
    /// An object is due at a time, unless it is due before anyway.
    fn wake(&mut self, Wake { name, why }: Wake, at: Instant) {
        self.order += 1;
        let at = (at, self.order);
        let queued = self
            .objects
            .entry(Arc::clone(&name))
            .or_insert(QueuedObject {
                is_under_way: false,
                next: None,
            });
        if queued.next.is_some_and(|next| next.at <= at) {
            return;
        }
        let former = queued.next.replace(DueTime { at, why });
        if !queued.is_under_way {
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
        let queued = self.objects.get_mut(&name)?;
        queued.is_under_way = true;
        let next = queued.next.take()?;
        Some((name, next.why))
    }

    /// One has ended, and perhaps comes back by itself.
    fn end(&mut self, name: &Arc<str>, requeue: Option<&(Instant, RequeueAfter)>) {
        if let Some((ended, RequeueAfter { after, why })) = requeue
            && let Some(at) = ended.checked_add(*after)
        {
            let name = Arc::clone(name);
            self.wake(Wake { name, why }, at);
        }
        let Some(queued) = self.objects.get_mut(name) else {
            return;
        };
        queued.is_under_way = false;
        if let Some(next) = queued.next {
            self.due.insert(next.at, Arc::clone(name));
            return;
        }
        self.objects.remove(name);
        self.objects.give_back();
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

    fn begun(queue: &mut WorkQueue, now: Instant) -> Vec<Arc<str>> {
        std::iter::from_fn(|| Some(queue.begin(now)?.0)).collect()
    }

    fn requeue(at: Instant, seconds: u64) -> (Instant, RequeueAfter) {
        let after = Duration::from_secs(seconds);
        let why = "a test";
        (at, RequeueAfter { after, why })
    }

    #[test]
    fn an_object_is_under_way_once_and_what_came_meanwhile_comes_after_it() {
        let (mut queue, now) = (WorkQueue::default(), Instant::now());
        for name in ["b", "a", "b"] {
            queue.wake(wake(name), now);
        }
        let first = begun(&mut queue, now);
        assert_eq!(first, ["b".into(), "a".into()], "in the order they came");
        queue.wake(wake("b"), now);
        assert!(begun(&mut queue, now).is_empty());
        queue.end(&"b".into(), None);
        assert_eq!(begun(&mut queue, now), ["b".into()]);
        queue.end(&"b".into(), None);
        queue.end(&"a".into(), None);
        assert!(queue.objects.is_empty() && queue.due().is_none());
    }

    #[test]
    fn the_earliest_of_all_that_wakes_an_object_counts() {
        let (mut queue, now) = (WorkQueue::default(), Instant::now());
        let later = now + Duration::from_secs(10);
        queue.wake(wake("a"), now);
        assert_eq!(begun(&mut queue, now).len(), 1);
        queue.end(&"a".into(), Some(&requeue(now, 10)));
        assert_eq!(queue.due(), Some(later));
        queue.wake(wake("a"), now + Duration::from_secs(20));
        assert_eq!(queue.due(), Some(later));
        queue.wake(wake("a"), now);
        assert_eq!(begun(&mut queue, now).len(), 1);
        assert_eq!(queue.due(), None, "the later one is over, too");
        // It was woken while it was under way: that is before it comes back by itself.
        queue.wake(wake("a"), now);
        queue.end(&"a".into(), Some(&requeue(now, 10)));
        assert_eq!(queue.due(), Some(now));
    }

    #[test]
    fn nothing_is_kept_of_objects_that_nothing_is_due_for() {
        let (mut queue, now) = (WorkQueue::default(), Instant::now());
        for number in 0..1000 {
            queue.wake(wake(&number.to_string()), now);
        }
        for name in begun(&mut queue, now) {
            queue.end(&name, None);
        }
        assert!(
            queue.objects.capacity() < 16,
            "{}",
            queue.objects.capacity()
        );
    }
}
