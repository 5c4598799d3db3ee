//! Compares what is settled with what the cloud holds, for all objects of an account with one list, again and again.
//!
//! A sweep decides nothing: it hands what it saw to the reconciles of those objects for which it is news.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::Objects;
use super::account::Account;
use super::context::Context;
use super::memory::News;
use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::live::account::AccountKey;
use crate::live::looks::Inventory;
use crate::live::quota::Lane;
use crate::plan::backoff::lengthened;
use crate::plan::conditions;
use crate::plan::facts::{Access, Observed, Shown};
use crate::plan::failure::{Class, Failure};
use crate::plan::{hold, ledger};

/// When more than one callback is missing, a second sweep has to agree, so much later.
const SECOND_OPINION: Duration = Duration::from_secs(5);
/// So many sweeps in a row that fail for the credential, the permission or the account are told.
const TOLERATED: u32 = 3;

type Served = Vec<Arc<RecordingCallback>>;

/// Sweeps every account once an interval, for ever.
pub(super) async fn run(context: &Context, stores: &[Objects], interval: Duration) {
    context.may_begin().await;
    let mut round = 0_u32;
    loop {
        round = round.wrapping_add(1);
        sleep(lengthened(interval, round, "sweep")).await;
        let accounts = accounts(context, stores).await;
        let sweeps = accounts
            .values()
            .map(|(account, served)| sweep(context, account, served));
        futures::future::join_all(sweeps).await;
    }
}

/// The accounts that have something to compare, each with its objects.
async fn accounts(
    context: &Context,
    stores: &[Objects],
) -> HashMap<AccountKey, (Arc<Account>, Served)> {
    let mut accounts: HashMap<AccountKey, (Arc<Account>, Served)> = HashMap::new();
    for object in stores
        .iter()
        .flat_map(Objects::state)
        .filter(|object| is_compared(object))
    {
        let uid = parse::uid(&object);
        let known = || context.memories.with(&uid, |memory| memory.account.clone());
        let account = match context.accesses.read(&object).await {
            Ok(read) => {
                let entry = context.accesses.enter(&object, read.login).await;
                // A credential that is stopped shows by its sweeps, too.
                let is_unknown = matches!(entry.access, Access::Unknown(_));
                entry.account.or_else(|| known().filter(|_| is_unknown))
            }
            Err(_) => known(),
        };
        let Some(account) = account else { continue };
        context
            .memories
            .with(&uid, |memory| memory.account = Some(Arc::clone(&account)));
        let (_, served) = accounts
            .entry(account.login().key().clone())
            .or_insert_with(|| (account, Served::new()));
        served.push(object);
    }
    accounts
}

/// Settled objects, and those that only look.
fn is_compared(object: &RecordingCallback) -> bool {
    let policies = parse::policies(&object.spec);
    let has_id = object
        .status
        .as_ref()
        .is_some_and(|status| status.callback_id.is_some());
    object.metadata.deletion_timestamp.is_none()
        && !policies.suspend
        && (has_id || policies.observe)
}

/// One sweep of one account.
async fn sweep(context: &Context, account: &Arc<Account>, served: &Served) {
    let swept = if let Some(failure) = account.stopped() {
        Err(failure)
    } else {
        let looks = account.looks();
        looks.sweep(Instant::now(), Lane::Background).await
    };
    match swept {
        Ok(inventory) => {
            for object in served {
                context.memories.with(&parse::uid(object), |memory| {
                    memory.failed_sweeps = 0;
                    memory.blind = None;
                });
            }
            tell(context, account, &inventory);
            let missing = compare(context, account, served, &inventory);
            confirm(context, account, missing, inventory).await;
        }
        Err(failure) => failed(context, served, &failure),
    }
}

/// Sets the gauges of the project that was swept.
fn tell(context: &Context, account: &Account, inventory: &Inventory) {
    if !inventory.complete {
        return;
    }
    let unmanaged = inventory
        .rows
        .iter()
        .filter(|row| !context.index.is_held(&row.id))
        .count();
    let target = account.target();
    let unmanaged = Some(unmanaged).filter(|_| context.serves_all);
    context
        .metrics
        .inventory(&target.region, &target.project_id, unmanaged);
}

/// Hands every row that is news to its object. Gives the objects whose row is missing.
fn compare(context: &Context, account: &Account, served: &Served, inventory: &Inventory) -> Served {
    let begun = cloud_time(context, account, inventory);
    let mut missing = Served::new();
    for object in served {
        let place = parse::place(&object.spec);
        if !inventory.covers(place.domain()) {
            continue;
        }
        let rows = inventory.at_place(&place);
        let status = object.status.is_some();
        let status = status.then(|| parse::status(object, begun));
        let last_write = status.as_ref().and_then(ledger::last_write);
        let is_missing = id(object).is_some_and(|id| !rows.iter().any(|row| row.id == id));
        let counts = begun >= hold::counts_at(last_write, context.settings.settle_time);
        let baseline = context.memories.with(&parse::uid(object), |memory| {
            if let (true, Some(write), [row]) = (counts, last_write, rows) {
                memory.note_row(write, row);
            }
            memory.baseline(last_write)
        });
        if is_missing && counts {
            missing.push(Arc::clone(object));
        } else if is_missing || status.is_none_or(|status| hold::is_news(&status, baseline, rows)) {
            hand_over(
                context,
                object,
                Observed::seen(begun, rows.to_vec(), false),
                Shown::Unasked,
            );
        }
    }
    missing
}

/// What the list lacks is asked for by id. When that is more than one, a second sweep must lack it, too.
async fn confirm(
    context: &Context,
    account: &Arc<Account>,
    missing: Served,
    inventory: Arc<Inventory>,
) {
    if missing.is_empty() || !are_gone(account, &missing).await {
        return;
    }
    let mut inventory = inventory;
    if missing.len() > 1 {
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
    for object in missing {
        let rows = inventory.at_place(&parse::place(&object.spec));
        if !rows.iter().any(|row| Some(row.id.as_str()) == id(&object)) {
            let observed = Observed::seen(begun, rows.to_vec(), true);
            hand_over(context, &object, observed, Shown::Gone);
        }
    }
}

/// Asks for one id after the other. The first that is still there, or can't be asked for, voids what the list lacked.
async fn are_gone(account: &Account, missing: &Served) -> bool {
    for id in missing.iter().filter_map(|object| id(object)) {
        let token = account.bucket().acquire(Lane::Background, "").await;
        match account.show(token, id).await {
            Shown::Gone => {}
            Shown::Row(_) => {
                info!(
                    remote_id = id,
                    "a list lacked a callback that is there: what it lacked is not believed"
                );
                return false;
            }
            Shown::Unknown(failure) => {
                let problem = failure.message;
                debug!(
                    remote_id = id,
                    "a missing callback could not be asked for: {problem}"
                );
                return false;
            }
            Shown::Unasked => return false,
        }
    }
    true
}

/// The recorded id.
fn id(object: &RecordingCallback) -> Option<&str> {
    object.status.as_ref()?.callback_id.as_deref()
}

/// Has the object reconciled with what was seen.
fn hand_over(context: &Context, object: &RecordingCallback, observed: Observed, shown: Shown) {
    context.memories.with(&parse::uid(object), |memory| {
        memory.news = Some(News {
            observed,
            shown,
            denied: None,
        });
    });
    context.trigger(ObjectRef::from_obj(object));
}

/// A sweep failed: that is news only when it says something about the credentials, and not at once.
fn failed(context: &Context, served: &Served, failure: &Failure) {
    debug!(code = failure.code, "a sweep failed: {}", failure.message);
    if !matches!(
        failure.class,
        Class::Credential | Class::Permission | Class::Account
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
fn cloud_time(context: &Context, account: &Account, inventory: &Inventory) -> Timestamp {
    let ago = SignedDuration::try_from(inventory.begun.elapsed()).unwrap_or_default();
    let now = context.clock.now(&account.target().endpoint);
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}
