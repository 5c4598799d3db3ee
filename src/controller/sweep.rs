//! Compares what is settled with what the cloud holds, for all objects of an account with one list, again and again.
//!
//! A sweep changes nothing at the cloud and writes no status. It decides for which objects what it saw is news, and whether a row that the
//! list lacks is believed to be gone; what is done about it, their reconciles decide. Accounts are identified and swept side by side; one
//! that hangs or fails delays only itself.

mod accounts;
mod compare;
mod gauge;
mod inventories;
mod missing;
mod rounds;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tracing::debug;

use super::account::SharedAccount;
use super::context::Context;
use super::memory::ObjectMemory;
use super::memory::sighting::Sighting;
use super::store::{KeptObject, ObjectStore};
use crate::api::RecordingCallback;
use crate::hash::hash;
use crate::live::looks::Inventory;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::earlier;
use crate::plan::facts::{GetResult, Observed};
use crate::platform::quota::Lane;
use crate::terms::failure::{Class, Failure};
use accounts::{Caller, Group, ServedObjects, groups, identify, is_at_home};
use compare::compare_rows;
use missing::confirm_missing;
use rounds::rounds;

/// So many sweeps in a row are told that see nothing of an object: refused, or without its row, which can't be asked for.
const TOLERATED: u32 = 3;

/// A sweep that had no turn among the calls under way is made so much later.
const SOON: Duration = Duration::from_secs(10);

/// Sweeps every account once an interval, for ever.
pub(super) async fn run(context: &Context, stores: &[ObjectStore], interval: Duration) {
    context.wait_until_ready().await;
    let due = |at| async move {
        let groups = groups(context, stores, at).await;
        gauge::count(context, &groups).await;
        inventories::tell(context, stores).await;
        groups
    };
    let after = first_pause(interval, context.clock.local());
    rounds(interval, after, due, |group, pause| {
        sweep_turn(context, group, pause)
    })
    .await;
}

/// How long a process waits for its first sweeps: some part of the interval, another for each, so that processes that end early come to
/// it now and then. Not at once: who ends again and again soon after its start must not spend the quota on sweeps.
fn first_pause(interval: Duration, start: Timestamp) -> Duration {
    const LEAST: f64 = 1.0 / 6.0;
    let by_chance = u32::try_from(hash(&start).get() >> 32).unwrap_or_default();
    let by_chance = f64::from(by_chance) / f64::from(u32::MAX);
    interval.mul_f64(LEAST + (1.0 - LEAST) * by_chance)
}

/// One turn of those that call as the same. Their pause begins anew when it has ended: what it showed is to be decided on before
/// it is looked for again.
async fn sweep_turn(context: &Context, group: Group, pause: Duration) {
    let served = group.served.clone();
    put_off(context, &served, pause);
    let next = identify_and_sweep(context, group, pause).await;
    put_off(context, &served, next);
}

/// None of these is due for a while.
fn put_off(context: &Context, served: &ServedObjects, pause: Duration) {
    let next = Some(Instant::now() + pause);
    remember(context, served, |memory| memory.sweep_at = next);
}

/// Notes something of each of these that has not gone meanwhile.
fn remember(context: &Context, served: &ServedObjects, note: impl Fn(&mut ObjectMemory)) {
    for object in served {
        if context.index.has(&object.uid) {
            context.memories.with(&object.uid, &note);
        }
    }
}

/// Sweeps the account of these objects, once it is known. Gives how long it may then pause.
async fn identify_and_sweep(context: &Context, group: Group, pause: Duration) -> Duration {
    let Group {
        caller,
        account,
        served,
    } = group;
    let identified = match account {
        Some(account) => Ok(account),
        None => identify(context, &served).await,
    };
    let account = match identified {
        Ok(account) => account,
        Err(Some(failure)) => {
            gauge::set(context, &served, &caller, Some(&failure));
            note_failed_sweep(context, &served, &failure);
            return pause_after(&failure, pause);
        }
        Err(None) => return pause,
    };
    let (mut at_home, mut strayed) = (ServedObjects::new(), ServedObjects::new());
    for object in served {
        consume_budget().await;
        if is_at_home(&object.unpack(), account.target()) {
            at_home.push(object);
        } else {
            report_strayed(context, &object);
            strayed.push(object);
        }
    }
    // What they tell is no want of comparing.
    let now = Instant::now();
    remember(context, &strayed, |memory| {
        memory
            .comparison
            .iter_mut()
            .for_each(|comparison| comparison.at = now);
    });
    if at_home.is_empty() {
        return pause;
    }
    sweep(context, &account, &at_home, pause).await
}

/// An object whose callback is in another project than its credentials lead to tells so itself. Where IAM tells the project nobody
/// else may have noticed.
fn report_strayed(context: &Context, object: &KeptObject) {
    if object.reason != Some(Reason::TargetChanged) {
        context.trigger(object);
    }
}

async fn sweep(
    context: &Context,
    account: &Arc<SharedAccount>,
    served: &ServedObjects,
    pause: Duration,
) -> Duration {
    let swept = if let Some(failure) = account.stopped() {
        Err(failure)
    } else {
        list_project(account, served).await
    };
    let caller = Caller::Account(account.identity_account().key().clone());
    gauge::set(context, served, &caller, swept.as_ref().err());
    let is_there = |object: &&Arc<KeptObject>| context.index.has(&object.uid);
    let served: ServedObjects = served.iter().filter(is_there).cloned().collect();
    match swept {
        Ok(inventory) => {
            let missing = compare_rows(context, account, &served, &inventory).await;
            let goes_on = confirm_missing(context, account, missing, inventory, pause).await;
            if goes_on { Duration::ZERO } else { pause }
        }
        Err(failure) => {
            note_failed_sweep(context, &served, &failure);
            pause_after(&failure, pause)
        }
    }
}

/// Lists the account's project in the name of that namespace among these objects' that is served first: who has made up many accounts of
/// a cloud user waits for them, and nobody else of that user.
async fn list_project(
    account: &SharedAccount,
    served: &ServedObjects,
) -> Result<Arc<Inventory>, Failure> {
    let namespaces: BTreeSet<_> = served.iter().map(|object| object.namespace()).collect();
    let soonest = account.bucket().soonest(Lane::Background, namespaces);
    let turn = (Lane::Background, soonest.unwrap_or_default());
    account.looks().sweep(Instant::now(), turn).await
}

/// The pause after a sweep that failed. One that was not sent for others' calls costs no other of its own, and waits for no interval.
fn pause_after(failure: &Failure, pause: Duration) -> Duration {
    if failure.had_no_room && failure.class == Class::NotSent {
        SOON.min(pause)
    } else {
        pause
    }
}

/// The recorded id.
fn id(object: &RecordingCallback) -> Option<&str> {
    object.status.as_ref()?.callback_id.as_deref()
}

/// What the list of an account showed of an object, and the id that a GET said to be gone.
fn sighting(
    account: &SharedAccount,
    inventory: &Inventory,
    observed: Observed,
    gone: Option<&str>,
) -> Sighting {
    Sighting {
        account: account.identity_account().key().clone(),
        observed,
        begun: inventory.begun,
        about: gone.map(Into::into),
        get_result: gone.map_or(GetResult::Unasked, |_| GetResult::Gone),
        not_found: None,
    }
}

/// Has the object reconciled with what was seen.
fn hand_over(context: &Context, object: &KeptObject, seen: Sighting) {
    context.memories.with(&object.uid, |memory| {
        memory.news = Some(Box::new(seen));
    });
    context.trigger(object);
}

/// A sweep failed: that is news only when it says something about the credentials or is a refusal, and not at once.
fn note_failed_sweep(context: &Context, served: &[Arc<KeptObject>], failure: &Failure) {
    debug!(code = failure.code, "a sweep failed: {}", failure.message);
    if !matches!(
        failure.class,
        Class::Credential | Class::Permission | Class::Account | Class::Rejected
    ) {
        return;
    }
    for object in served {
        count_failed_sweep(context, object, failure);
    }
}

/// What the cloud holds of an object was not seen. That is told when it was so for long enough.
fn count_failed_sweep(context: &Context, object: &KeptObject, failure: &Failure) {
    let is_news = context.memories.with(&object.uid, |memory| {
        memory.failed_sweeps += 1;
        let is_news = object.is_ready && memory.failed_sweeps >= TOLERATED;
        memory.sweep_failure = is_news.then(|| Box::new(failure.clone()));
        is_news
    });
    if is_news {
        context.trigger(object);
    }
}

/// When the inventory's look began, in cloud time.
fn cloud_time(context: &Context, account: &SharedAccount, inventory: &Inventory) -> Timestamp {
    let now = context.clock.now(&account.target().endpoint);
    earlier(now, inventory.begun.elapsed())
}

#[cfg(test)]
mod tests;
