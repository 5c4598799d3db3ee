//! Writes statuses, the outcome of a create as long as it can be, and the events that go with them; remembers what could not be written.
//! What a status says, `plan::outcome` decides. Calls no cloud.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::cluster::error::ClusterError;
use crate::cluster::event::EventType;
use crate::cluster::object::{ObjectVersion, OutcomePreconditions, is_stale};
use crate::controller::memory::unwritten::UnwrittenStatus;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::controller::refused_writes::changed_part;
use crate::declared::parse;
use crate::plan::facts::conditions;
use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Record;
use crate::plan::facts::time::next_second;
use crate::plan::outcome;
use crate::plan::step::{backoff, drift};

/// First and longest pause between two tries to write an outcome.
const OUTCOME_WRITE_PAUSES: (Duration, Duration) =
    (Duration::from_millis(200), Duration::from_secs(5));
/// After so many the object is not as the outcome wants it, and stays so: more than half a minute.
const MOST_OVERTAKEN: usize = 12;

/// What became of the outcome of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateOutcomeWrite {
    /// It is in the status.
    Written,
    /// Somebody else went on with the object meanwhile: plan again.
    Overtaken,
    /// The object is gone.
    Gone,
}

impl Reconciliation<'_> {
    /// Writes a status that differs from the object's. `false` when the object is not as it was planned on.
    pub(super) fn write(&mut self, status: Status) -> BoxFuture<'_, Result<bool, ClusterError>> {
        // On the heap: thousands wait at once in futures that write at some point, and each would have room for that.
        Box::pin(async move {
            let stored = self.stored();
            if status == stored {
                self.forget_unwritten();
                return Ok(true);
            }
            let version = ObjectVersion::of(&self.object);
            let objects = &self.context.objects;
            match objects.write_status(&self.object, &version, &status).await {
                Ok(object) => self.note_status_written(object, status).map(|()| true),
                Err(error) if is_stale(&error) || error.is_not_found() => {
                    self.is_interrupted = true;
                    let overtaken = self.reread_after_conflict(&version, error).await;
                    if overtaken.is_err() {
                        self.keep_unwritten(stored, status);
                    }
                    overtaken.map(|()| false)
                }
                Err(error) => {
                    self.keep_unwritten(stored, status);
                    Err(error)
                }
            }
        })
    }

    /// The status that the object has at the API server, as far as is known here.
    pub(super) fn stored(&self) -> Status {
        parse::status(&self.object, self.facts.now)
    }

    /// What happened is not forgotten because it can't be written: else the same change would be made again and again.
    pub(super) fn keep_unwritten(&self, planned_on: Status, status: Status) {
        self.memory(|memory| {
            let before = memory.unwritten.as_ref().map_or(0, |it| it.tries);
            memory.unwritten = Some(Box::new(UnwrittenStatus {
                planned_on,
                status,
                tries: before.saturating_add(1),
            }));
        });
    }

    fn forget_unwritten(&self) {
        self.memory(|memory| memory.unwritten = None);
    }

    /// Writes a status and ends the reconcile so, or plans again where the object has changed.
    pub(super) async fn end(
        &mut self,
        status: Status,
        next: RoundEnd,
    ) -> Result<RoundEnd, ClusterError> {
        Ok(if self.write(status).await? {
            next
        } else {
            RoundEnd::Again
        })
    }

    /// Writes the outcome of our POST; tries again as long as that may help. An error: the outcome stays in memory, and the next round
    /// plans on it and writes it as any other status.
    pub(super) async fn write_create_outcome(
        &mut self,
        record: &Record,
        status: Status,
    ) -> Result<CreateOutcomeWrite, ClusterError> {
        let preconditions = OutcomePreconditions {
            uid: self.facts.object.uid.clone(),
            record: record_annotation(record),
            callback_id: self.facts.status.callback_id.clone(),
        };
        let (mut pause, mut overtaken) = (OUTCOME_WRITE_PAUSES.0, 0);
        loop {
            let (context, object) = (self.context, Arc::clone(&self.object));
            let written = context
                .objects
                .write_outcome(&object, &preconditions, &status)
                .await;
            let error = match written {
                Ok(object) => {
                    let noted = self.note_status_written(object, status);
                    return noted.map(|()| CreateOutcomeWrite::Written);
                }
                Err(error) if error.is_not_found() => return Ok(CreateOutcomeWrite::Gone),
                Err(error) => error,
            };
            overtaken += usize::from(is_stale(&error));
            // Whoever refuses does not say whether the object is there, nor as what.
            if is_stale(&error) || error.is_refusal() {
                match self.restore(record, &preconditions).await {
                    Ok(None) => {}
                    Ok(Some(end)) => return Ok(end),
                    Err(refusal) if refusal.is_refusal() => return Err(refusal),
                    Err(error) => self.report_unwritten(&status, &error),
                }
            }
            let made_nothing = status.callback_id == preconditions.callback_id;
            if overtaken >= MOST_OVERTAKEN || self.is_futile(&error, made_nothing) {
                return Err(error);
            }
            if !is_stale(&error) {
                self.report_unwritten(&status, &error);
            }
            self.slot.wait_without_slot(tokio::time::sleep(pause)).await;
            pause = (pause * 2).min(OUTCOME_WRITE_PAUSES.1);
        }
    }

    /// Whether an outcome that ends so is better written later: no API server takes what its schema does not have, and what is being deleted
    /// is deleted though its status can't be written; and where nothing was made there is nothing to lose.
    fn is_futile(&self, error: &ClusterError, made_nothing: bool) -> bool {
        let newest = || self.context.newest(&ObjectRef::from_obj(&*self.object));
        let is_deleted = || newest().is_some_and(|object| parse::object(&object).deleting);
        !is_stale(error)
            && error.is_refusal()
            && (made_nothing || error.is_invalid() || is_deleted())
    }

    /// Whoever reads this knows what was made, though this process may end before that can be written.
    pub(super) fn report_unwritten(&self, status: &Status, error: &ClusterError) {
        warn!(
            %error,
            object = %self.name(),
            remote_id = status.callback_id.as_deref().unwrap_or_default(),
            request_id = status.request_id.as_deref().unwrap_or_default(),
            "the outcome of a create is not written yet"
        );
    }

    /// What the API server does not know yet of what our own create made is written before that is changed or made anew: who comes after
    /// this process would take the changed one for another's. `false` when the object is not as it was planned on.
    pub(super) async fn write_known(&mut self) -> Result<bool, ClusterError> {
        if UnwrittenStatus::say_the_same(&self.stored(), &self.facts.status) {
            return Ok(true);
        }
        self.write(outcome::before_change(&self.facts)).await
    }

    /// The outcome did not fit the object: puts a wiped record back, or tells what else has happened.
    async fn restore(
        &mut self,
        record: &Record,
        preconditions: &OutcomePreconditions,
    ) -> Result<Option<CreateOutcomeWrite>, ClusterError> {
        let meta = &self.facts.object;
        let found = self
            .context
            .objects
            .get(&meta.namespace, &meta.name)
            .await?;
        let Some(object) = found.filter(|object| parse::uid(object) == preconditions.uid) else {
            return Ok(Some(CreateOutcomeWrite::Gone));
        };
        let holds = object
            .status
            .as_ref()
            .and_then(|status| status.callback_id.clone());
        let found = parse::record(&object);
        // One that knows nothing of this create was made up, or put back: no operator makes another while it may have made something.
        let goes_on = found
            .as_ref()
            .is_some_and(|other| other.goes_on_from(record));
        if holds != preconditions.callback_id || goes_on {
            return Ok(Some(CreateOutcomeWrite::Overtaken));
        }
        if found.as_ref() != Some(record) {
            let protected = self
                .context
                .objects
                .protect(
                    &object,
                    &ObjectVersion::of(&object),
                    Some(&preconditions.record),
                )
                .await;
            protected
                .map(drop)
                .or_else(|error| if is_stale(&error) { Ok(()) } else { Err(error) })?;
        }
        Ok(None)
    }

    /// A write of ours went through: remembers the object as it is now, and tells a transition. Where it is not stored as it was written it
    /// counts as not written.
    pub(super) fn note_status_written(
        &mut self,
        object: RecordingCallback,
        status: Status,
    ) -> Result<(), ClusterError> {
        if let Some(part) = changed_part(&status, object.status.as_ref()) {
            self.remember(object);
            self.keep_unwritten(self.stored(), status);
            return Err(ClusterError::not_kept("write the status", part));
        }
        let before = self.stored();
        self.has_acted = true;
        self.facts.status = status;
        self.remember(object);
        self.forget_unwritten();
        self.note_wait();
        if drift::is_made_again(&before, &self.facts.status) {
            self.context.metrics.drift_repaired();
            let note = "The callback was removed at the cloud; it is created again.";
            self.publish_event(EventType::Warning, Reason::Drifted, note);
        }
        let (old, new) = (
            conditions::ready(&before),
            conditions::ready(&self.facts.status),
        );
        let Some(new) = new.filter(|new| {
            old.is_none_or(|old| (&old.status, &old.reason) != (&new.status, &new.reason))
        }) else {
            return Ok(());
        };
        let reason = Reason::parse(&new.reason).unwrap_or(Reason::Available);
        let calm = [
            Reason::Suspended,
            Reason::ObserveOnly,
            Reason::Updating,
            Reason::RateLimited,
        ];
        let event_type = if conditions::condition_status(new) == Some(ConditionStatus::True)
            || calm.contains(&reason)
        {
            EventType::Normal
        } else {
            EventType::Warning
        };
        let message = new.message.clone();
        info!(
            object = %self.name(),
            generation = self.facts.object.generation,
            ready = new.status,
            reason = reason.as_str(),
            remote_id = self.facts.status.callback_id.as_deref().unwrap_or_default(),
            request_id = self.facts.status.request_id.as_deref().unwrap_or_default(),
            "{message}"
        );
        self.publish_event(event_type, reason, &message);
        Ok(())
    }

    /// The wait that the status announces begins now, by the monotonic clock.
    fn note_wait(&self) {
        let Some(next) = self.facts.status.next_attempt_time else {
            return;
        };
        let exact = self.again.filter(|again| next_second(*again) == next);
        let until = self.to_instant(exact.unwrap_or(next));
        let until = until.min(Instant::now() + backoff::LONGEST);
        self.memory(|memory| memory.wait = Some(Box::new((next, until))));
    }

    /// Publishes an event about the object.
    pub(super) fn publish_event(&self, event_type: EventType, reason: Reason, note: &str) {
        self.context
            .events
            .publish(&self.object, event_type, reason, note);
    }

    /// The object as a write of ours, or a fresh read, returned it.
    pub(super) fn remember(&mut self, object: RecordingCallback) {
        let (former, found) = (parse::record(&self.object), parse::record(&object));
        self.object = Arc::new(object);
        let (returned, brought) = (Arc::clone(&self.object), self.brought_still());
        if brought.is_some_and(|brought| parse::version(&returned) < brought) {
            self.context.index.rewind_object(&self.facts.object.uid);
        }
        self.context.update(&self.object);
        self.memory(|memory| {
            // Somebody may have wiped it, and the watch may tell that late.
            memory.note_record(found.as_ref(), former);
            memory.note_returned(returned, brought);
        });
    }

    /// Reads the object afresh, so that the next plan is made on what it is now.
    pub(super) async fn refresh(&mut self) -> Result<(), ClusterError> {
        if let Some(object) = self.read_afresh().await? {
            self.remember(object);
        }
        Ok(())
    }

    /// The object as the API server has it. Of one that is gone the watch will tell; until then that is remembered.
    pub(super) async fn read_afresh(&self) -> Result<Option<RecordingCallback>, ClusterError> {
        let (meta, objects) = (&self.facts.object, &self.context.objects);
        let found = objects.get(&meta.namespace, &meta.name).await?;
        let found = found.filter(|object| parse::uid(object) == meta.uid);
        self.memory(|memory| memory.gone = found.is_none());
        Ok(found)
    }

    /// A write was refused since the object is not as it was planned on: reads it afresh. One that is just as it was says that the
    /// refusal has another cause, and to try again at once would go on for ever.
    pub(super) async fn reread_after_conflict(
        &mut self,
        version: &ObjectVersion,
        error: ClusterError,
    ) -> Result<(), ClusterError> {
        self.slot.let_others_go().await;
        let Some(object) = self.read_afresh().await? else {
            return Ok(());
        };
        let is_as_it_was = ObjectVersion::of(&object).resource_version == version.resource_version;
        self.remember(object);
        if is_as_it_was && is_stale(&error) {
            return Err(error);
        }
        Ok(())
    }

    /// `namespace/name`, for logs.
    pub(super) fn name(&self) -> String {
        self.facts.object.full_name()
    }
}

pub(super) fn record_annotation(record: &Record) -> String {
    serde_json::json!(record).to_string()
}
