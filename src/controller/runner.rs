//! Runs a reconcile for each object that wants one: one of each at a time, any number side by side. Who of them works and who waits is not
//! decided here; that thousands wait must cost those that work nothing, so nothing here looks at them one by one.

mod agenda;

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::pending;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use kube::runtime::reflector::ObjectRef;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument as _, info_span};

use self::agenda::Agenda;
use super::ObjectStore;
use crate::api::RecordingCallback;
use crate::stop::Stop;

/// Objects that are to be reconciled.
pub(super) type ObjectRefs = BoxStream<'static, ObjectRef<RecordingCallback>>;

/// Reconciles what comes from either stream, once the store has been filled, and again after the time that a reconcile asks for. After
/// `stop` none begins, and it ends with the last of those under way.
pub(super) async fn run<R>(
    [mut work, mut inbox]: [ObjectRefs; 2],
    store: &ObjectStore,
    stop: &Stop,
    reconcile: impl Fn(Arc<RecordingCallback>) -> R,
) where
    R: Future<Output = Option<Duration>> + Send + 'static,
{
    let (mut agenda, mut running) = (Agenda::default(), JoinSet::new());
    let mut stopped = pin!(stop.requested());
    let mut filled = pin!(store.wait_until_ready().fuse());
    let mut is_filled = false;
    loop {
        while is_filled && let Some(object) = agenda.next(Instant::now()) {
            if let Some(newest) = store.get(&object) {
                let span = info_span!("reconciling object", object.ref = %object);
                let work = span.in_scope(|| reconcile(newest));
                running.spawn(async move { (object, work.await) }.instrument(span));
            } else {
                agenda.ended(&object, None);
            }
        }
        let due = agenda.due().filter(|_| is_filled);
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(ended) = running.join_next() => {
                // A panic is caught where an object is known.
                let (object, pause) = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                agenda.ended(&object, pause.map(|pause: Duration| Instant::now() + pause));
            }
            // An error means that the watch has ended.
            _ = &mut filled => is_filled = true,
            Some(object) = inbox.next() => agenda.want(object, Instant::now()),
            Some(object) = work.next() => agenda.want(object, Instant::now()),
            () = until(due) => {}
        }
    }
    drop((work, inbox));
    while running.join_next().await.is_some() {}
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
