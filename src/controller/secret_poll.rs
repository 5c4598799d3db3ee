//! Reads the Secrets in use again and again, so that a rotated key or a repaired credential takes effect by itself.
//!
//! A read that finds a difference only wakes: what holds is compared again when the object is decided on. Reads run side by side; one
//! that hangs or fails delays only its own.

mod schedule;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use self::schedule::Schedule;
use crate::cluster::secret::Keys;
use crate::controller::context::Context;
use crate::controller::inputs::SourcesMark;
use crate::controller::secrets::SecretName;
use crate::controller::store::{KeptObject, ObjectStore};
use crate::login::secret::References;

/// No more than 10 reads begin in a second.
const SPACING: Duration = Duration::from_millis(100);
/// The longest time between two looks at who uses what.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Objects that refer to the same.
struct AlikeObjects {
    references: Arc<References>,
    objects: Vec<Arc<KeptObject>>,
}

/// Who uses a Secret, and what of it.
#[derive(Default)]
struct UsedSecret {
    keys: Keys,
    users: Vec<Arc<AlikeObjects>>,
    /// Whether one of the objects waits for something.
    urgent: bool,
}

type Users = HashMap<SecretName, Arc<UsedSecret>>;

/// Polls for ever.
pub(super) async fn run(context: &Context, stores: &[ObjectStore]) {
    let find_users = || {
        let users = users(stores);
        let used = users.iter().map(|(name, used)| (name, &used.keys));
        context.accounts.secrets().retain(&used.collect());
        users
    };
    let read = |name, used| read(context, name, used);
    poll(context.secret_poll_interval, find_users, read).await;
}

/// Reads each Secret in use every interval.
async fn poll<R: Future<Output = ()>>(
    interval: Duration,
    find_users: impl Fn() -> Users,
    read: impl Fn(SecretName, Arc<UsedSecret>) -> R,
) {
    let mut schedule = Schedule::new(interval);
    let mut users = Users::new();
    let mut reads = FuturesUnordered::new();
    let (mut next_check, mut next_read) = (Instant::now(), Instant::now());
    loop {
        let due = schedule.due().map(|due| due.max(next_read));
        let due = due.map_or(next_check, |due| due.min(next_check));
        tokio::select! {
            Some(name) = reads.next() => {
                schedule.ended(&name);
                continue;
            }
            () = sleep_until(due) => {}
        }
        let now = Instant::now();
        if now >= next_check {
            users = find_users();
            let urgent = users.iter().map(|(name, used)| (name, used.urgent));
            schedule.update(urgent, now);
            next_check = now + (interval / 10).clamp(SPACING, CHECK_INTERVAL);
        }
        if now >= next_read
            && let Some(name) = schedule.next(now)
            && let Some(used) = users.get(&name)
        {
            reads.push(read(name.clone(), Arc::clone(used)).map(|()| name));
            next_read = now + SPACING;
        }
    }
}

/// Who uses what of each Secret.
fn users(stores: &[ObjectStore]) -> Users {
    let mut users: HashMap<SecretName, UsedSecret> = HashMap::new();
    for alike in stores.iter().flat_map(alike_objects) {
        let is_urgent = |object: &Arc<KeptObject>| object.is_deleted || !object.is_ready;
        let urgent = alike.objects.iter().any(is_urgent);
        for (name, keys) in alike.references.uses() {
            let used = users.entry(name).or_default();
            used.urgent |= urgent;
            used.keys.extend(keys);
            used.users.push(Arc::clone(&alike));
        }
    }
    let users = users.into_iter();
    users.map(|(name, used)| (name, Arc::new(used))).collect()
}

/// The objects of a store by what they refer to: many refer to the same, which is there once.
fn alike_objects(store: &ObjectStore) -> Vec<Arc<AlikeObjects>> {
    let mut alike: HashMap<*const References, AlikeObjects> = HashMap::new();
    for object in store.all() {
        let references = &object.references;
        let entry = alike.entry(Arc::as_ptr(references));
        let entry = entry.or_insert_with(|| AlikeObjects {
            references: Arc::clone(references),
            objects: Vec::new(),
        });
        entry.objects.push(object);
    }
    alike.into_values().map(Arc::new).collect()
}

async fn read(context: &Context, name: SecretName, used: Arc<UsedSecret>) {
    match context.accounts.secrets().refresh(&name, &used.keys).await {
        Ok(_) => {
            for alike in &used.users {
                wake_alike(context, alike).await;
            }
        }
        Err(error) => {
            debug!(%error, namespace = name.0, secret = name.1, "a Secret was not read");
        }
    }
}

/// Wakes those whose Secrets do not say what they were decided on. Most have said that at the last read, and hold the same still: of
/// these nothing is unpacked. However many they are, the others of this task have their turns.
async fn wake_alike(context: &Context, alike: &AlikeObjects) {
    let sources = context.accounts.sources(&alike.references);
    for object in &alike.objects {
        consume_budget().await;
        if context.index.has(&object.uid)
            && !context
                .memories
                .with(&object.uid, |memory| memory.has_compared(sources))
        {
            wake(context, object, sources);
        }
    }
}

/// Wakes an object unless what its Secrets say is what it was, or is being, decided on.
fn wake(context: &Context, kept: &KeptObject, sources: Option<SourcesMark>) {
    let (uid, object) = (&kept.uid, kept.unpack());
    let Some(present) = context.accounts.inputs(&object) else {
        return;
    };
    let (is_known, is_news) = context.memories.with(uid, |memory| {
        let known = memory.known_inputs();
        let is_known = known == Some(present.mark());
        if is_known {
            memory.note_compared(sources);
        }
        (is_known, present.are_news(known, object.status.as_ref()))
    });
    if is_news {
        context.memories.wake(uid);
    }
    if !is_known {
        context.trigger(kept);
    }
}

#[cfg(test)]
mod tests;
