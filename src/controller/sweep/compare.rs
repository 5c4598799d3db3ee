//! Holds what is settled against one list of what the cloud holds: what of that is news for its object, and whose row the list lacks.
//! Calls nobody.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::accounts::ServedObjects;
use super::missing::MissingRows;
use super::{cloud_time, hand_over, id, inventories, note_failed_sweep, sighting};
use crate::api::status::Status;
use crate::controller::account::SharedAccount;
use crate::controller::context::Context;
use crate::controller::memory::comparison::LastComparison;
use crate::controller::store::KeptObject;
use crate::declared::parse;
use crate::live::looks::Inventory;
use crate::plan::facts::Observed;
use crate::plan::facts::operation_log;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{earlier, later};
use crate::plan::ownership::Sight;
use crate::plan::step::drift;

/// One list, and for whom it was made.
struct RowComparison<'a> {
    context: &'a Context,
    account: &'a SharedAccount,
    inventory: &'a Inventory,
    /// When the list was begun, in cloud time.
    begun: Timestamp,
    mark: LastComparison,
}

/// An object as it is compared, and what lies at its place.
struct ComparedObject<'a> {
    kept: &'a Arc<KeptObject>,
    status: Option<Status>,
    rows: Vec<Row>,
    /// It has a callback that is not among the rows.
    is_missing: bool,
}

/// What the process knows of an object by which a row is judged.
struct ComparedMemory {
    baseline: Option<Timestamp>,
    wrote: Option<Instant>,
    /// An object that only looks was decided with another owner of its place.
    has_another_owner: bool,
}

/// Hands every row that is news to its object, unless that goes meanwhile. Gives the objects whose row is missing.
pub(super) async fn compare_rows(
    context: &Context,
    account: &SharedAccount,
    served: &ServedObjects,
    inventory: &Inventory,
) -> MissingRows {
    let comparison = RowComparison {
        context,
        account,
        inventory,
        begun: cloud_time(context, account, inventory),
        mark: LastComparison {
            at: Instant::now(),
            project: Some(inventories::swept(context, account, inventory)),
        },
    };
    let mut missing = MissingRows::default();
    for kept in served {
        consume_budget().await;
        if context.index.has(&kept.uid) {
            comparison.compare(kept, &mut missing);
        }
    }
    missing
}

impl RowComparison<'_> {
    fn compare(&self, kept: &Arc<KeptObject>, missing: &mut MissingRows) {
        let object = kept.unpack();
        let place = parse::place(&object.spec);
        if !self.note_compared(kept, &place) {
            return;
        }
        let rows = rows_at_place(self.inventory, &place, id(&object));
        let deleted = &self.context.deleted;
        let rows = deleted.without_deleted(self.account.target(), rows);
        let is_own = |row: &Row| id(&object) == Some(row.id.as_str());
        let status = object.status.is_some();
        let compared = ComparedObject {
            kept,
            status: status.then(|| parse::status(&object, self.begun)),
            is_missing: id(&object).is_some() && !rows.iter().any(is_own),
            rows,
        };
        self.hand_over_news(compared, &place, missing);
    }

    /// Whether the list shows what lies at a place. That an object was compared is noted also where its domain was refused.
    fn note_compared(&self, kept: &Arc<KeptObject>, place: &Place) -> bool {
        let refused = self.inventory.refusal(place.domain());
        if let Some(refused) = refused {
            note_failed_sweep(self.context, std::slice::from_ref(kept), refused);
        }
        let is_covered = self.inventory.covers(place.domain());
        if is_covered || refused.is_some() {
            self.context.memories.with(&kept.uid, |memory| {
                memory.comparison = Some(self.mark.clone());
            });
        }
        is_covered
    }

    /// Decides whether what lies at the place is news for the object, or its absence counts.
    fn hand_over_news(&self, it: ComparedObject<'_>, place: &Place, missing: &mut MissingRows) {
        let is_created_again = it
            .status
            .as_ref()
            .is_some_and(operation_log::is_created_again);
        if it.is_missing && is_created_again {
            // It is known to be gone, and whoever makes it again looks before each attempt.
            return;
        }
        let last_write = it.status.as_ref().and_then(operation_log::last_write);
        let memory = self.remember(&it, place, last_write);
        let counts = self.begun >= self.counts_from(last_write, memory.wrote);
        missing.count += usize::from(it.is_missing);
        if it.is_missing && counts {
            missing.objects.push(Arc::clone(it.kept));
        } else if it.is_missing
            || memory.has_another_owner
            || it
                .status
                .is_none_or(|status| drift::needs_decision(&status, memory.baseline, &it.rows))
        {
            let observed = Observed::seen(self.begun, it.rows, false);
            let seen = sighting(self.account, self.inventory, observed, None);
            hand_over(self.context, it.kept, seen);
        } else {
            // What an earlier sweep showed, if it still waits for a decision, is over.
            self.context.memories.with(&it.kept.uid, |memory| {
                memory.news.take_if(|news| news.not_found.is_none());
            });
        }
    }

    /// Notes what was seen of the object, and gives what is known of it.
    fn remember(
        &self,
        it: &ComparedObject<'_>,
        place: &Place,
        last_write: Option<Timestamp>,
    ) -> ComparedMemory {
        let (index, uid) = (&self.context.index, &it.kept.uid);
        let sight = Sight {
            rows: &it.rows,
            is_gone: false,
        };
        let owner = index.owner_elsewhere(uid, place, self.account.target(), sight);
        let shows_plan = it.status.as_ref().is_some_and(|it| it.plan.is_some());
        self.context.memories.with(uid, |memory| {
            memory.seen_by = Some(self.account.identity_account().key().clone());
            if !it.is_missing {
                memory.sees_again();
            }
            let write = last_write.filter(|at| self.begun >= *at);
            if let (Some(write), Some(status), [row]) = (write, &it.status, it.rows.as_slice()) {
                memory.note_row(write, status, row);
            }
            ComparedMemory {
                baseline: memory.baseline(last_write),
                wrote: memory.wrote,
                has_another_owner: shows_plan && !memory.was_decided_with(owner.as_ref()),
            }
        })
    }

    /// From when on a list tells of an object. What this process wrote itself is not older for what a header says: the monotonic clock tells
    /// how long that was before.
    fn counts_from(&self, last_write: Option<Timestamp>, wrote: Option<Instant>) -> Timestamp {
        let listed = self.inventory.begun;
        let wrote = wrote.map(|at| match listed.checked_duration_since(at) {
            Some(before) => earlier(self.begun, before),
            None => later(self.begun, at.duration_since(listed)),
        });
        drift::looks_count_from(last_write, wrote, self.context.settings.settle_time)
    }
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
