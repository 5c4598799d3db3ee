//! The controller as the interpreter of decisions: what each step does. Which step that is, `plan` decides; what may have changed since is
//! asked once more before it is done. Creates, updates and deletes have files of their own.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::error::ClusterError;
use crate::cluster::event::EventType;
use crate::cluster::object::ObjectVersion;
use crate::controller::memory::DecidedOwner;
use crate::controller::memory::restored::RestoredMemory;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::controller::refused_writes::{NOT_KEPT, TAKEN_OFF, is_protected};
use crate::controller::status_writer::record_annotation;
use crate::controller::update_delete::advice;
use crate::declared::parse;
use crate::plan::facts::Facts;
use crate::plan::facts::conditions;
use crate::plan::facts::operation_log;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::outcome;
use crate::plan::outcome::release;
use crate::plan::step::interpreter::Interpreter;
use crate::plan::step::{Requeue, Step, settled};
use crate::terms::failure::Operation;
use crate::terms::target::Target;

/// When to come back where somebody else's event is waited for that must be on its way.
const SOON: Duration = Duration::from_secs(1);

/// What the controller does with a decision; the end of a plan is that of the round.
impl Interpreter for Reconciliation<'_> {
    type End = RoundEnd;
    type Error = ClusterError;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn out_of_steps(&self) -> RoundEnd {
        RoundEnd::Again
    }

    async fn perform(&mut self, step: Step) -> Result<Option<RoundEnd>, ClusterError> {
        let changes = matches!(step, Step::Create | Step::Update { .. });
        if changes && !self.write_known().await? {
            return Ok(Some(RoundEnd::Again));
        }
        // Each on the heap: a step is waited for by thousands at once, and the largest of them has ten times the room of a look.
        let end = match step {
            Step::ReadSecrets => return Box::pin(self.read_secrets()).await,
            Step::Look(look) => return Box::pin(self.look_at_place(look)).await,
            Step::GetById => return Box::pin(self.get_recorded()).await,
            Step::ReadCrd => {
                self.load_crd().await;
                return Ok(None);
            }
            Step::AddFinalizer => Box::pin(self.restore_metadata()).await,
            Step::RemoveFinalizer => Box::pin(self.let_go(None)).await.map(|end| match end {
                RoundEnd::OnChange => RoundEnd::Again,
                RoundEnd::Again | RoundEnd::After(_) => end,
            }),
            Step::Create => Box::pin(self.create()).await,
            Step::Update { id, drift } => Box::pin(self.update(&id, drift)).await,
            Step::Delete { id } => return Box::pin(self.delete(&id)).await,
            Step::Claim(row) => Box::pin(self.record_claim(row)).await,
            Step::Adopt(row) => Box::pin(self.record_adoption(row)).await,
            Step::Disown { id, owner } => Box::pin(self.record_disown(&id, &owner)).await,
            Step::Release { retained } => Box::pin(self.let_go(retained)).await,
            Step::ReportFailure(failure) => Box::pin(self.write_failure(&failure)).await,
            Step::ReportSweepFailure(failure) => {
                let advice = advice(&failure);
                let status = outcome::after_sweep_failure(&self.facts, &failure, advice);
                self.end(status, RoundEnd::OnChange).await
            }
            Step::Requeue(requeue) => self.write_requeue(requeue).await,
        };
        end.map(Some)
    }
}

impl Reconciliation<'_> {
    /// Puts finalizer and record back, not as fast as another controller takes them off.
    async fn restore_metadata(&mut self) -> Result<RoundEnd, ClusterError> {
        let pause = self.memory(|memory| memory.restored.as_deref().copied());
        let pause = pause.map(RestoredMemory::pause).unwrap_or_default();
        if !pause.is_zero() {
            if conditions::is_ready(&self.facts.status) {
                self.report_unrestored(TAKEN_OFF).await?;
            }
            return Ok(RoundEnd::After(pause));
        }
        let record = self.facts.claiming_record().map(record_annotation);
        let version = ObjectVersion::of(&self.object);
        let objects = &self.context.objects;
        let protected = objects.protect(&self.object, &version, record.as_deref());
        let refusal = match protected.await {
            Ok(object) => {
                let is_kept = is_protected(&object, record.as_deref());
                self.remember(object);
                (!is_kept).then(|| NOT_KEPT.to_owned())
            }
            Err(error) => self.refusal(&version, error).await?,
        };
        let Some(why) = refusal else {
            self.memory(|memory| {
                let former = memory.restored.as_deref().copied();
                memory.restored = Some(Box::new(RestoredMemory::again(former)));
            });
            return Ok(RoundEnd::Again);
        };
        self.report_unrestored(why).await
    }

    async fn report_unrestored(
        &mut self,
        why: impl Into<String>,
    ) -> Result<RoundEnd, ClusterError> {
        let operation = self
            .facts
            .id()
            .map_or(Operation::Create, |_| Operation::Update);
        self.report_unrecorded(operation, why).await
    }

    /// Records a row that is ours.
    async fn record_claim(&mut self, row: Row) -> Result<RoundEnd, ClusterError> {
        let (Some((account, desired)), Some(record)) =
            (self.account_and_spec(), self.facts.record.clone())
        else {
            return Ok(RoundEnd::Again);
        };
        let Ok(_place_lock) = self.lock_place(&account, &desired.place).await else {
            return Ok(RoundEnd::Again);
        };
        if self.is_deleted(account.target(), &row.id) {
            return Ok(RoundEnd::Again);
        }
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        let held = index.held_by_others(uid, std::iter::once(&*row.id));
        // The create of another may have ended while the place was waited for.
        if !held.is_empty() && !self.facts.is_recorded(&row) {
            return Ok(RoundEnd::Again);
        }
        let status = outcome::after_claim(&self.facts, &desired, &record, &row);
        let is_made = !self.facts.is_recorded(&row);
        // Another process may have closed the record since it was read; then the row is not known to be ours.
        if self.write(status).await? && is_made && self.facts.posted_here {
            self.note_made(&account, &row.id);
        }
        Ok(RoundEnd::Again)
    }

    /// Records a foreign row that the policy lets us take over.
    async fn record_adoption(&mut self, row: Row) -> Result<RoundEnd, ClusterError> {
        let Some((account, desired)) = self.account_and_spec() else {
            return Ok(RoundEnd::Again);
        };
        let Ok(_place_lock) = self.lock_place(&account, &desired.place).await else {
            return Ok(RoundEnd::Again);
        };
        let Some(_claim) = self.claim(&account, &desired.place).await else {
            return Ok(RoundEnd::Again);
        };
        let target = account.target();
        if self.is_taken(target, &desired.place, &row.id) || self.is_deleted(target, &row.id) {
            return Ok(RoundEnd::Again);
        }
        if !self.facts.object.finalizer {
            let end = self.restore_metadata().await?;
            self.facts.object.finalizer = parse::object(&self.object).finalizer;
            if !self.facts.object.finalizer {
                return Ok(end);
            }
        }
        let status = outcome::after_adoption(&self.facts, &desired, &row);
        if self.write(status).await? {
            let note = format!(
                "The callback {} was there before; it is taken over, and stays when this object goes unless deletionPolicy is Delete.",
                row.id
            );
            self.publish_event(EventType::Normal, Reason::Adopted, &note);
            self.look_again_if_young();
        }
        Ok(RoundEnd::Again)
    }

    /// A process that has just begun does not know what the one before it deleted, and a list that lags still shows that: whether what was
    /// taken over is there is looked at when the list must have caught up.
    fn look_again_if_young(&self) {
        let settle_time = self.facts.settings.settle_time;
        if self.context.deleted.may_lack_some(settle_time) {
            self.memory(|memory| memory.look_at = Some(Instant::now() + settle_time));
        }
    }

    /// The owner of the place holds the id that this object has in its status: a fresh read of the owner decides.
    async fn record_disown(&mut self, id: &str, owner: &str) -> Result<RoundEnd, ClusterError> {
        let (namespace, name) = owner.split_once('/').unwrap_or_default();
        let Some(owner) = self.context.objects.get(namespace, name).await? else {
            return Ok(RoundEnd::After(SOON)); // the watch will tell that it is gone
        };
        self.context.update(&owner);
        let held = owner.status.and_then(|status| status.callback_id);
        if held.as_deref() != Some(id) {
            return Ok(RoundEnd::After(SOON)); // the watch is behind
        }
        if self.write(release::after_disown(&self.facts)).await? {
            self.memory(|memory| memory.made = None);
        }
        Ok(RoundEnd::Again)
    }

    /// Whether another object came first, to the place or to the callback.
    fn is_taken(&self, target: &Target, place: &Place, id: &str) -> bool {
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        self.other_owner(target, place).is_some()
            || !index.held_by_others(uid, std::iter::once(id)).is_empty()
    }

    /// Whether a clean-up deleted the callback while the place was waited for.
    fn is_deleted(&self, target: &Target, id: &str) -> bool {
        let deleted = self.context.deleted.among(target, std::iter::once(id));
        !deleted.is_empty()
    }

    /// The recorded row was seen, by a look that began after our last write.
    fn note_row(&self) {
        let id = self.facts.id();
        let mut rows = self.facts.observed.rows().iter();
        let write = operation_log::last_write(&self.facts.status);
        if let (Some(row), Some(write)) = (rows.find(|row| Some(row.id.as_str()) == id), write)
            && self
                .facts
                .last_write
                .is_some_and(|at| self.facts.observed.since(at))
        {
            self.memory(|memory| {
                memory.note_row(write, &self.facts.status, row);
            });
        }
    }

    /// Nothing to do at the cloud: tells how things are.
    async fn write_requeue(&mut self, requeue: Requeue) -> Result<RoundEnd, ClusterError> {
        let status = outcome::after_requeue(&self.facts, &requeue);
        self.note_row();
        if requeue.with_look {
            let at = requeue.again.map(|again| self.to_instant(again));
            self.memory(|memory| memory.look_at = at);
        }
        let again = requeue.again.map(|again| self.to_instant(again));
        let next = self.memory(|memory| memory.next_reconcile(again, Instant::now()));
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        let owner = DecidedOwner(
            self.facts
                .other_owner
                .as_ref()
                .map(|owner| owner.name.clone()),
        );
        let shows_plan = status.plan.is_some() && self.facts.observed.begun().is_some();
        let rechecked = settled::rechecked_update(&self.facts, &requeue);
        if !self.write(status).await? {
            return Ok(RoundEnd::Again);
        }
        if rechecked.is_some() {
            self.memory(|memory| memory.lost_update.get_or_insert_default().rechecked = rechecked);
        }
        if shows_plan {
            self.memory(|memory| memory.decided_owner = Some(Box::new(owner)));
        }
        Ok(wait.map_or(RoundEnd::OnChange, RoundEnd::After))
    }
}
