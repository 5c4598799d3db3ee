//! Compares what is settled with what the cloud holds, for all objects of an account with one list, again and again.
//!
//! A sweep decides nothing: it hands what it saw to the reconciles of those objects for which it is news. Accounts are identified and
//! swept side by side; one that hangs or fails delays only itself.

mod accounts;
mod gauge;
mod rounds;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::ObjectStore;
use super::account::SharedAccount;
use super::context::Context;
use super::memory::{ObjectMemory, Sighting};
use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::live::looks::Inventory;
use crate::plan::facts::conditions;
use crate::plan::facts::ledger;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::{GetResult, Observed};
use crate::plan::step::maintain;
use crate::platform::quota::Lane;
use crate::terms::failure::{Class, Failure};
use accounts::{Group, ServedObjects, groups, identify, is_at_home, projects};
use rounds::rounds;

/// When more than one callback is missing, a second sweep has to agree, so much later.
const SECOND_OPINION: Duration = Duration::from_secs(5);
/// So many sweeps in a row that fail for the credential, the permission or the account are told.
const TOLERATED: u32 = 3;

/// Sweeps every account once an interval, for ever.
pub(super) async fn run(context: &Context, stores: &[ObjectStore], interval: Duration) {
    context.wait_until_ready().await;
    let due = |at| {
        let groups = groups(context, stores, at);
        gauge::count(context, &groups);
        context.metrics.keep_inventories(&projects(context, stores));
        groups
    };
    rounds(interval, due, |group, pause| {
        sweep_turn(context, group, pause)
    })
    .await;
}

/// One turn of those that call as the same. Their pause begins anew when it has ended: what it showed is to be decided on before
/// it is looked for again.
async fn sweep_turn(context: &Context, group: Group, pause: Duration) {
    let Group { account, served } = group;
    put_off(context, &served, pause);
    identify_and_sweep(context, account, served.clone()).await;
    put_off(context, &served, pause);
}

/// None of these is due for a while.
fn put_off(context: &Context, served: &ServedObjects, pause: Duration) {
    let next = Some(Instant::now() + pause);
    remember(context, served, |memory| memory.sweep_at = next);
}

/// Notes something of each of these that has not gone meanwhile.
fn remember(context: &Context, served: &ServedObjects, note: impl Fn(&mut ObjectMemory)) {
    for uid in served.iter().map(|object| parse::uid(object)) {
        if context.index.has(&uid) {
            context.memories.with(&uid, &note);
        }
    }
}

/// Sweeps the account of these objects, once it is known.
async fn identify_and_sweep(
    context: &Context,
    account: Option<Arc<SharedAccount>>,
    served: ServedObjects,
) {
    let identified = match account {
        Some(account) => Ok(account),
        None => identify(context, &served).await,
    };
    let account = match identified {
        Ok(account) => account,
        Err(Some(failure)) => {
            gauge::note(context, &served, Some(&failure));
            return note_failed_sweep(context, &served, &failure);
        }
        Err(None) => return,
    };
    let (served, strayed): (ServedObjects, ServedObjects) = served
        .into_iter()
        .partition(|object| is_at_home(object, account.target()));
    for object in &strayed {
        tell_strayed(context, object);
    }
    if !served.is_empty() {
        sweep(context, &account, &served).await;
    }
}

/// An object whose callback is in another project than its credentials lead to tells so itself. Where IAM tells the project nobody
/// else may have noticed.
fn tell_strayed(context: &Context, object: &RecordingCallback) {
    let status = object.status.as_ref();
    if !status.is_some_and(|status| conditions::has_reason(status, Reason::TargetChanged)) {
        context.trigger(ObjectRef::from_obj(object));
    }
}

async fn sweep(context: &Context, account: &Arc<SharedAccount>, served: &ServedObjects) {
    let swept = if let Some(failure) = account.stopped() {
        Err(failure)
    } else {
        let looks = account.looks();
        looks.sweep(Instant::now(), Lane::Background).await
    };
    gauge::note(context, served, swept.as_ref().err());
    let is_there = |object: &&Arc<RecordingCallback>| context.index.has(&parse::uid(object));
    let served: ServedObjects = served.iter().filter(is_there).cloned().collect();
    match swept {
        Ok(inventory) => {
            for object in &served {
                let domain = parse::place(&object.spec).domain().to_owned();
                if let Some(refused) = inventory.refusal(&domain) {
                    note_failed_sweep(context, &vec![Arc::clone(object)], refused);
                    continue;
                }
                if !inventory.covers(&domain) {
                    continue;
                }
                context.memories.with(&parse::uid(object), |memory| {
                    memory.failed_sweeps = 0;
                    memory.blind = None;
                    memory.seen_by = Some(account.identity_account().key().clone());
                });
            }
            set_inventory_gauges(context, account, &served, &inventory);
            let missing = compare_rows(context, account, &served, &inventory);
            confirm_missing(context, account, missing, inventory).await;
        }
        Err(failure) => note_failed_sweep(context, &served, &failure),
    }
}

/// Sets the gauges of the project that was swept, be it only at the domains that objects name: of a large one no more is ever listed.
fn set_inventory_gauges(
    context: &Context,
    account: &SharedAccount,
    served: &ServedObjects,
    inventory: &Inventory,
) {
    let is_answered = |object: &Arc<RecordingCallback>| {
        let place = parse::place(&object.spec);
        inventory.covers(place.domain()) || inventory.refusal(place.domain()).is_some()
    };
    if !served.iter().all(is_answered) {
        return;
    }
    let unmanaged = inventory
        .rows
        .iter()
        .filter(|row| !context.index.is_held(&row.id))
        .count();
    let target = account.target();
    let unmanaged = Some(unmanaged).filter(|_| context.serves_all && inventory.complete);
    context
        .metrics
        .inventory(&target.region, &target.project_id, unmanaged);
}

/// What a sweep lacked.
#[derive(Default)]
struct MissingRows {
    /// Those of whom it counts.
    objects: ServedObjects,
    /// How many in all.
    count: usize,
}

/// Hands every row that is news to its object. Gives the objects whose row is missing.
fn compare_rows(
    context: &Context,
    account: &SharedAccount,
    served: &ServedObjects,
    inventory: &Inventory,
) -> MissingRows {
    let begun = cloud_time(context, account, inventory);
    let mut missing = MissingRows::default();
    for object in served {
        let place = parse::place(&object.spec);
        if !inventory.covers(place.domain()) {
            continue;
        }
        let rows = rows_at_place(inventory, &place, id(object));
        let rows = context.deleted.without_deleted(account.target(), rows);
        let rows = rows.as_slice();
        let status = object.status.is_some();
        let status = status.then(|| parse::status(object, begun));
        let last_write = status.as_ref().and_then(ledger::last_write);
        let is_missing = id(object).is_some_and(|id| !rows.iter().any(|row| row.id == id));
        let settle_time = context.settings.settle_time;
        let (baseline, wrote) = context.memories.with(&parse::uid(object), |memory| {
            let write = last_write.filter(|at| begun >= *at);
            if let (Some(write), Some(status), [row]) = (write, &status, rows) {
                memory.note_row(write, status, row);
            }
            (memory.baseline(last_write), memory.wrote)
        });
        // What this process wrote itself is not older for what a header says.
        let counts = begun >= maintain::looks_count_from(last_write, settle_time)
            && wrote.is_none_or(|at| inventory.begun >= at + settle_time);
        missing.count += usize::from(is_missing);
        if is_missing && counts {
            missing.objects.push(Arc::clone(object));
        } else if is_missing
            || status.is_none_or(|status| maintain::needs_decision(&status, baseline, rows))
        {
            hand_over(
                context,
                object,
                inventory.begun,
                Observed::seen(begun, rows.to_vec(), false),
                GetResult::Unasked,
            );
        } else {
            // What an earlier sweep showed, if it still waits for a decision, is over.
            context.memories.with(&parse::uid(object), |memory| {
                memory.news.take_if(|news| news.denied.is_none());
            });
        }
    }
    missing
}

/// The rows at a place. What our own create was answered with another place is ours all the same, and lies where the cloud says.
fn rows_at_place(inventory: &Inventory, place: &Place, id: Option<&str>) -> Vec<Row> {
    let rows = inventory.at_place(place);
    let is_own = |row: &&Row| Some(row.id.as_str()) == id;
    if id.is_none() || rows.iter().any(|row| is_own(&row)) {
        return rows.to_vec();
    }
    let elsewhere = inventory.rows.iter().find(is_own);
    elsewhere.into_iter().chain(rows).cloned().collect()
}

/// What the list lacks is asked for by id. When that is more than one, a second sweep must lack it, too.
async fn confirm_missing(
    context: &Context,
    account: &Arc<SharedAccount>,
    missing: MissingRows,
    inventory: Arc<Inventory>,
) {
    let MissingRows { objects, count } = missing;
    let objects = find_gone(context, account, objects).await;
    if objects.is_empty() {
        return;
    }
    let mut inventory = inventory;
    if count > 1 {
        sleep(SECOND_OPINION).await;
        match account
            .looks()
            .sweep(Instant::now(), Lane::Background)
            .await
        {
            Ok(second) => inventory = second,
            Err(failure) => {
                debug!("a second sweep failed: {}", failure.message);
                return;
            }
        }
    }
    let begun = cloud_time(context, account, &inventory);
    for object in objects {
        let place = parse::place(&object.spec);
        let rows = inventory.at_place(&place);
        if inventory.covers(place.domain())
            && !rows.iter().any(|row| Some(row.id.as_str()) == id(&object))
        {
            let rows = context
                .deleted
                .without_deleted(account.target(), rows.to_vec());
            let observed = Observed::seen(begun, rows, true);
            hand_over(context, &object, inventory.begun, observed, GetResult::Gone);
        }
    }
}

/// Asks for one id after the other: those that are gone. The first that is still there, or can't be asked for, voids what the list
/// lacked; one whose calls are used up, or whose id the cloud takes for none, is left for another sweep and says nothing of the others.
async fn find_gone(
    context: &Context,
    account: &SharedAccount,
    missing: ServedObjects,
) -> ServedObjects {
    let mut gone = ServedObjects::new();
    for object in missing {
        let Some(id) = id(&object) else { continue };
        let budget = context.memories.budget(&parse::uid(&object));
        if !budget.spend(1) {
            continue;
        }
        let token = account.bucket().acquire(Lane::Background, "").await;
        let token = token.charged_to(&budget);
        match account.get_by_id(token, id).await {
            GetResult::Gone => gone.push(object),
            GetResult::Row(_) => {
                info!(
                    remote_id = id,
                    "a list lacked a callback that is there: what it lacked is not believed"
                );
                return ServedObjects::new();
            }
            GetResult::Unknown(failure) if failure.class == Class::Rejected => {}
            GetResult::Unknown(failure) => {
                let problem = failure.message;
                debug!(
                    remote_id = id,
                    "a missing callback could not be asked for: {problem}"
                );
                return ServedObjects::new();
            }
            GetResult::Unasked => return ServedObjects::new(),
        }
    }
    gone
}

/// The recorded id.
fn id(object: &RecordingCallback) -> Option<&str> {
    object.status.as_ref()?.callback_id.as_deref()
}

/// Has the object reconciled with what was seen.
fn hand_over(
    context: &Context,
    object: &RecordingCallback,
    begun: Instant,
    observed: Observed,
    shown: GetResult,
) {
    context.memories.with(&parse::uid(object), |memory| {
        memory.news = Some(Sighting {
            observed,
            begun,
            shown,
            denied: None,
        });
    });
    context.trigger(ObjectRef::from_obj(object));
}

/// A sweep failed: that is news only when it says something about the credentials or is a refusal, and not at once.
fn note_failed_sweep(context: &Context, served: &ServedObjects, failure: &Failure) {
    debug!(code = failure.code, "a sweep failed: {}", failure.message);
    if !matches!(
        failure.class,
        Class::Credential | Class::Permission | Class::Account | Class::Rejected
    ) {
        return;
    }
    for object in served {
        let is_ready = object.status.as_ref().is_some_and(conditions::is_ready);
        let is_news = context.memories.with(&parse::uid(object), |memory| {
            memory.failed_sweeps += 1;
            let is_news = is_ready && memory.failed_sweeps >= TOLERATED;
            memory.blind = is_news.then(|| failure.clone());
            is_news
        });
        if is_news {
            context.trigger(ObjectRef::from_obj(object.as_ref()));
        }
    }
}

/// When the inventory's look began, in cloud time.
fn cloud_time(context: &Context, account: &SharedAccount, inventory: &Inventory) -> Timestamp {
    let ago = SignedDuration::try_from(inventory.begun.elapsed()).unwrap_or_default();
    let now = context.clock.now(&account.target().endpoint);
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
