//! What the list of a sweep lacks, and whether that is gone: asked for by id before anything is believed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::accounts::ServedObjects;
use super::{cloud_time, count_failed_sweep, hand_over, id, sighting};
use crate::controller::account::SharedAccount;
use crate::controller::context::Context;
use crate::controller::memory::ObjectMemory;
use crate::controller::store::KeptObject;
use crate::declared::parse;
use crate::live::looks::Inventory;
use crate::plan::facts::{GetResult, Observed};
use crate::platform::quota::Lane;
use crate::terms::failure::Class;

/// When more than one callback is missing, a second sweep has to agree, so much later.
const SECOND_OPINION: Duration = Duration::from_secs(5);

/// What a sweep lacked.
#[derive(Default)]
pub(super) struct MissingRows {
    /// Those of whom it counts.
    pub(super) objects: ServedObjects,
    /// How many in all.
    pub(super) count: usize,
}

/// What the list lacks is asked for by id. When that is more than one, a second sweep must lack it, too.
pub(super) async fn confirm_missing(
    context: &Context,
    account: &Arc<SharedAccount>,
    missing: MissingRows,
    inventory: Arc<Inventory>,
) {
    let MissingRows { objects, count } = missing;
    let objects = find_gone(context, account, objects).await;
    for object in &objects {
        let memories = &context.memories;
        memories.with(&object.uid, ObjectMemory::sees_again);
    }
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
    for kept in objects {
        let object = kept.unpack();
        let place = parse::place(&object.spec);
        let rows = inventory.at_place(&place);
        if inventory.covers(place.domain())
            && !rows.iter().any(|row| Some(row.id.as_str()) == id(&object))
        {
            let rows = context
                .deleted
                .without_deleted(account.target(), rows.to_vec());
            let observed = Observed::seen(begun, rows, true);
            let seen = sighting(account, &inventory, observed, GetResult::Gone);
            hand_over(context, &kept, seen);
        }
    }
}

/// Asks for one id after the other: those that are gone. The first that is still there, or can't be asked for now, voids what the list
/// lacked; one whose calls are used up, or whose id the cloud takes for none, is left for another sweep and says nothing of the others.
/// One that can't be asked for again and again is asked for last, so that it hides none of the others.
async fn find_gone(
    context: &Context,
    account: &SharedAccount,
    mut missing: ServedObjects,
) -> ServedObjects {
    let failed = |object: &KeptObject| {
        let memories = &context.memories;
        memories.with(&object.uid, |memory| memory.failed_sweeps)
    };
    missing.sort_by_key(|object| failed(object));
    let mut gone = ServedObjects::new();
    for kept in missing {
        let object = kept.unpack();
        let Some(id) = id(&object) else { continue };
        let budget = context.memories.budget(&kept.uid);
        if !budget.spend(1) {
            continue;
        }
        let token = account.bucket().acquire(Lane::Background, "").await;
        let token = token.charged_to(&budget);
        match account.get_by_id(token, id).await {
            GetResult::Gone => gone.push(kept),
            GetResult::Row(_) => {
                info!(
                    remote_id = id,
                    "a list lacked a callback that is there: what it lacked is not believed"
                );
                return ServedObjects::new();
            }
            GetResult::Unknown(failure) => {
                let problem = &failure.message;
                debug!(
                    remote_id = id,
                    "a missing callback could not be asked for: {problem}"
                );
                let has_failed_before = failed(&kept) > 0;
                count_failed_sweep(context, &kept, &failure);
                if failure.class == Class::Rejected {
                    continue;
                }
                return if has_failed_before {
                    gone
                } else {
                    ServedObjects::new()
                };
            }
            GetResult::Unasked => return ServedObjects::new(),
        }
    }
    gone
}
