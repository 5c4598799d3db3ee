//! What the list of a sweep lacks, and whether that is gone: asked for by id before anything is believed.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::accounts::ServedObjects;
use super::{cloud_time, count_failed_sweep, hand_over, id, list_project, sighting};
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

/// So many are asked for after one sweep, and an eighth of them if that is more: of what else its account lacks or shows, the others'
/// objects learn by the next one, which follows at once.
const AT_ONCE: usize = 50;

/// What a sweep lacked.
#[derive(Default)]
pub(super) struct MissingRows {
    /// Those of whom it counts.
    pub(super) objects: ServedObjects,
    /// How many in all.
    pub(super) count: usize,
}

/// Those whose turn it was.
struct AskedMissing {
    gone: ServedObjects,
    /// Whether it is to be gone on with at once: all of them could be asked for, and others wait.
    goes_on: bool,
}

/// What the list lacks is asked for by id. When that is more than one, a second sweep must lack it, too. Gives whether more is to be asked
/// for after another sweep at once.
pub(super) async fn confirm_missing(
    context: &Context,
    account: &Arc<SharedAccount>,
    missing: MissingRows,
    inventory: Arc<Inventory>,
    pause: Duration,
) -> bool {
    let MissingRows { objects, count } = missing;
    let one = objects.first().filter(|_| count == 1);
    let of_one = one.map(|kept| inventory.of_place(&parse::place(&kept.unpack().spec)));
    // It may take long to ask, and what was read of all the others has no room all that while.
    drop(inventory);
    let most = AT_ONCE.max(count / 8);
    let (turn, are_left) = whose_turn(context, objects, most, pause);
    let AskedMissing { gone, goes_on } = find_gone(context, account, turn).await;
    for object in &gone {
        let memories = &context.memories;
        memories.with(&object.uid, ObjectMemory::sees_again);
    }
    if !gone.is_empty() {
        confirm_gone(context, account, gone, of_one).await;
    }
    goes_on && are_left
}

/// Those that are asked for now, and whether others are left: one of each namespace after the other, and nobody a second time before
/// all were. One that can't be asked for again and again comes last, and before it one that is there each time, so that they hide none
/// of the others.
fn whose_turn(
    context: &Context,
    mut missing: ServedObjects,
    most: usize,
    pause: Duration,
) -> (ServedObjects, bool) {
    let memories = &context.memories;
    // Sweeps that do not follow at once are further apart than this.
    let recent = pause * 3 / 4;
    missing.retain(|object| {
        let asked = memories.with(&object.uid, |memory| memory.asked_for.as_deref().copied());
        asked.is_none_or(|at| at.elapsed() >= recent)
    });
    let failed = |object: &Arc<KeptObject>| {
        memories.with(&object.uid, |it| (it.failed_sweeps, it.is_denied))
    };
    missing.sort_by_key(failed);
    let mut of_namespace: HashMap<String, usize> = HashMap::new();
    missing.sort_by_cached_key(|object| {
        let before = of_namespace.entry(object.namespace().to_owned());
        let before = before.and_modify(|count| *count += 1).or_default();
        (failed(object), *before)
    });
    let are_left = missing.len() > most;
    missing.truncate(most);
    (missing, are_left)
}

/// Hands over what is gone, when the list lacks it, or where several are lacked a second one, which is read here.
async fn confirm_gone(
    context: &Context,
    account: &Arc<SharedAccount>,
    objects: ServedObjects,
    of_one: Option<Inventory>,
) {
    let inventory = if let Some(of_one) = of_one {
        Arc::new(of_one)
    } else {
        sleep(SECOND_OPINION).await;
        match list_project(account, &objects).await {
            Ok(second) => second,
            Err(failure) => {
                debug!("a second sweep failed: {}", failure.message);
                return;
            }
        }
    };
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
            let seen = sighting(account, &inventory, observed, id(&object));
            hand_over(context, &kept, seen);
        }
    }
}

/// Asks for one id after the other: those that are gone. The first that is still there, or can't be asked for now, voids what the list
/// lacked; one whose calls are used up, or whose id the cloud takes for none, is left for another sweep and says nothing of the others.
async fn find_gone(
    context: &Context,
    account: &SharedAccount,
    missing: ServedObjects,
) -> AskedMissing {
    let memories = &context.memories;
    let ended = |gone| AskedMissing {
        gone,
        goes_on: false,
    };
    let mut gone = ServedObjects::new();
    for kept in missing {
        let object = kept.unpack();
        // Whoever has another since was looked for meanwhile.
        let id = id(&object).filter(|id| context.index.is_held(id));
        let Some(id) = id else { continue };
        let has_failed_before = memories.with(&kept.uid, |memory| {
            memory.asked_for = Some(Box::new(Instant::now()));
            memory.failed_sweeps > 0
        });
        let budget = memories.budget(&kept.uid);
        if !budget.spend(1) {
            continue;
        }
        let token = account
            .bucket()
            .acquire(Lane::Background, kept.namespace())
            .await;
        let token = token.charged_to(&budget);
        match account.get_by_id(token, id).await {
            GetResult::Gone => gone.push(kept),
            GetResult::Row(_) => {
                let deny = |it: &mut ObjectMemory| mem::replace(&mut it.is_denied, true);
                if memories.with(&kept.uid, deny) {
                    // Its list was voided once for that. It must not hide for ever what else its account lacks.
                    continue;
                }
                info!(
                    remote_id = id,
                    "a list lacked a callback that is there: what it lacked is not believed"
                );
                return ended(ServedObjects::new());
            }
            GetResult::Unknown(failure) => {
                let problem = &failure.message;
                debug!(
                    remote_id = id,
                    "a missing callback could not be asked for: {problem}"
                );
                count_failed_sweep(context, &kept, &failure);
                if failure.class == Class::Rejected {
                    continue;
                }
                return ended(if has_failed_before {
                    gone
                } else {
                    ServedObjects::new()
                });
            }
            GetResult::Unasked => return ended(ServedObjects::new()),
        }
    }
    AskedMissing {
        gone,
        goes_on: true,
    }
}
