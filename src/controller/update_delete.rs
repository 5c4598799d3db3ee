//! Updates and deletes by id, each checked against the object as it is once the call may be made; the status of what failed; and the
//! release of an object. Posts nothing.

use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use tokio::time::{Instant, timeout};
use tracing::info;

use crate::api::status::Status;
use crate::cluster::error::ClusterError;
use crate::cluster::event::EventType;
use crate::cluster::object::{ObjectVersion, is_stale};
use crate::controller::account::SharedAccount;
use crate::controller::allowance::CallPurpose;
use crate::controller::memory::sighting::Sighting;
use crate::controller::memory::unwritten::UnwrittenStatus;
use crate::controller::reconciliation::{ObjectChanged, PlannedAt, Reconciliation, RoundEnd};
use crate::controller::refused_writes::PUT_BACK;
use crate::declared::parse;
use crate::live::answer::Answer;
use crate::live::client::Payload;
use crate::live::codes;
use crate::live::sign_key::SignKey;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::{CrdPresence, Desired, Facts, GetResult, Observed};
use crate::plan::outcome::release;
use crate::plan::outcome::{self, Receipt};
use crate::platform::quota::Token;
use crate::terms::failure::{Class, Failure};

impl Reconciliation<'_> {
    /// PUTs all fields to an id. `drift` is how somebody else had changed the row.
    pub(super) async fn update(
        &mut self,
        id: &str,
        drift: Option<String>,
    ) -> Result<RoundEnd, ClusterError> {
        let Some((account, desired)) = self.account_and_spec() else {
            return Ok(RoundEnd::Again);
        };
        let Some((token, planned)) = self.go_ahead(&account).await? else {
            return Ok(RoundEnd::Again);
        };
        let deadline = self.deadline(&account, planned);
        let key = self.sign_key.clone();
        let call = account.update(token, id, payload(&desired, key.as_deref()), deadline);
        let Some(reply) = self.send(&account, &desired.place, call).await else {
            return Ok(RoundEnd::Again);
        };
        let answer = match reply {
            Ok(answer) => answer,
            Err(failure) => return self.refused(&account, failure).await,
        };
        self.note_written(&account);
        if let Some(drift) = drift {
            self.context.metrics.drift_repaired();
            let now = self.to_cloud_time(Instant::now());
            self.facts.rewrites = self.memory(|memory| {
                memory.note_repaired();
                memory.rewrites(now)
            });
            let note = format!(
                "The callback {id} is not as it was written ({drift}); it is brought back to the spec."
            );
            self.publish_event(EventType::Warning, Reason::Drifted, &note);
        }
        let (row, receipt) = (answer.value.as_ref(), receipt(&answer));
        let outcome = |facts: &Facts| outcome::after_update(facts, &desired, row, receipt.clone());
        self.end_change(outcome, RoundEnd::Again).await
    }

    /// DELETEs an id that is ours. `None`: go on deciding.
    pub(super) async fn delete(&mut self, id: &str) -> Result<Option<RoundEnd>, ClusterError> {
        let Some(account) = self.account.clone() else {
            return Ok(Some(RoundEnd::Again));
        };
        let Some((token, planned)) = self.go_ahead(&account).await? else {
            return Ok(Some(RoundEnd::Again));
        };
        // While the call waited another object may have come to hold the id.
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        let held = index.held_by_others(uid, std::iter::once(id));
        if !held.is_subset(&self.facts.claimed_elsewhere) {
            return Ok(Some(RoundEnd::Again));
        }
        self.load_crd().await;
        if self.facts.crd != CrdPresence::Stays {
            self.give_back();
            return Ok(None);
        }
        let deadline = self.deadline(&account, planned);
        let call = account.delete(token, id, deadline);
        let place = parse::place(&self.object.spec);
        let Some(reply) = self.send(&account, &place, call).await else {
            return Ok(Some(RoundEnd::Again));
        };
        let receipt = match reply {
            Ok(answer) => receipt(&answer),
            Err(failure)
                if failure.class == Class::Gone || self.is_gone(&account, id, &failure).await? =>
            {
                Receipt {
                    http_status: failure.http_status,
                    request_id: failure.request_id,
                    at: self.facts.now,
                }
            }
            Err(failure) => return self.write_failure(&failure).await.map(Some),
        };
        info!(
            object = %self.name(),
            remote_id = id,
            request_id = receipt.request_id.as_deref().unwrap_or_default(),
            "the callback is deleted at the cloud"
        );
        self.note_deleted(&account, id);
        if self.facts.object.deleting {
            return Ok(None);
        }
        let outcome = |facts: &Facts| outcome::after_delete(facts, receipt.clone());
        self.end_change(outcome, RoundEnd::Again).await.map(Some)
    }

    /// Sends a change, and notes that. `None` when its answer is not waited for any more.
    async fn send<T>(
        &mut self,
        account: &SharedAccount,
        place: &Place,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Option<Result<T, Failure>> {
        let reply = self.unless_uninstalled(call).await;
        self.note_sent();
        self.context.accounts.void_place(account.target(), place);
        let reply = reply?;
        let failure = reply.as_ref().err();
        if failure.is_none_or(Failure::may_have_changed) {
            self.memory(|memory| memory.note_wrote(failure.map(|it| it.operation)));
        }
        Some(reply)
    }

    /// Waits for the answer to a change. `None` when the object goes with its CRD meanwhile: its callback stays then, whatever becomes
    /// of the change, and an uninstall waits for no cloud.
    async fn unless_uninstalled<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = Box::pin(call);
        loop {
            match self.wait_or_changed(call.as_mut()).await {
                Ok(reply) => return Some(reply),
                Err(ObjectChanged) if self.goes_with_crd() => {
                    self.slot.come_back().await;
                    return None;
                }
                Err(ObjectChanged) => {}
            }
        }
    }

    fn goes_with_crd(&self) -> bool {
        let newest = self.context.newest(&ObjectRef::from_obj(&*self.object));
        self.context.crd.is_going() && newest.is_some_and(|object| parse::object(&object).deleting)
    }

    /// Waits for a token, then reads the object afresh. `None` when it is not as planned, or another process leads by now.
    async fn go_ahead(
        &mut self,
        account: &Arc<SharedAccount>,
    ) -> Result<Option<(Token, PlannedAt)>, ClusterError> {
        let Ok(token) = self.token(account, CallPurpose::Change).await? else {
            return Ok(None);
        };
        // What was noticed has to be found again by the next plan, if this one comes to nothing.
        self.is_interrupted = true;
        let planned = self.planned_now(account);
        let meta = self.facts.object.clone();
        if self.sign_key.is_some() && !meta.deleting {
            let (context, object) = (self.context, Arc::clone(&self.object));
            let key = self.facts.key.clone();
            let is_still = context.accounts.key_is_still(&object, &key);
            if !self.slot.wait_without_slot(is_still).await? {
                return Ok(None);
            }
        }
        let read = self.read_afresh().await;
        if !matches!(read, Ok(Some(_))) {
            self.give_back();
        }
        let Some(object) = read? else {
            return Ok(None);
        };
        let fresh = parse::object(&object);
        let same = (&fresh.uid, fresh.generation, fresh.deleting)
            == (&meta.uid, meta.generation, meta.deleting);
        // What is ours was judged by the id and by whether the record is open.
        let (status, planned_on) = (object.status.clone().unwrap_or_default(), self.stored());
        let same = same
            && (&status.callback_id, &status.closed_operation)
                == (&planned_on.callback_id, &planned_on.closed_operation);
        self.remember(object);
        let may = same && self.context.leadership.fresh();
        self.is_interrupted = !may;
        Ok(may.then_some((token, planned)))
    }

    /// A PUT was refused: when the id is gone the plan is made anew with that knowledge.
    async fn refused(
        &mut self,
        account: &Arc<SharedAccount>,
        failure: Failure,
    ) -> Result<RoundEnd, ClusterError> {
        let id = self.facts.id().unwrap_or_default().to_owned();
        if failure.class == Class::Gone || self.is_gone(account, &id, &failure).await? {
            let news = Sighting {
                account: account.identity_account().key().clone(),
                observed: Observed::Unasked,
                begun: Instant::now(),
                about: Some(id.into()),
                // Whatever a GET said in between: one after a look that lacks it counts.
                get_result: GetResult::Unasked,
                not_found: Some(failure),
            };
            self.memory(|memory| memory.news = Some(Box::new(news)));
            return Ok(RoundEnd::Again);
        }
        self.write_failure(&failure).await
    }

    /// The documented code for a missing id is the one for everything: after a refusal one GET tells.
    async fn is_gone(
        &mut self,
        account: &Arc<SharedAccount>,
        id: &str,
        failure: &Failure,
    ) -> Result<bool, ClusterError> {
        if failure.class != Class::Rejected {
            return Ok(false);
        }
        let allowed = self.memory(|memory| memory.allowance.take(CallPurpose::Change));
        if allowed.is_err() {
            return Ok(false); // the refusal is told now, and asked about when there are calls again
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        let token = account.bucket().acquire(lane, &namespace);
        let Ok(token) = self.wait(token).await else {
            return Ok(false);
        };
        let token = token.charged_to(&self.budget());
        let get_result = timeout(self.context.request_timeout, account.get_by_id(token, id));
        let get_result = self.slot.wait_without_slot(get_result).await;
        Ok(get_result.is_ok_and(|get_result| get_result == GetResult::Gone))
    }

    /// Tells a failed call, and comes back when its backoff ends.
    pub(super) async fn write_failure(
        &mut self,
        failure: &Failure,
    ) -> Result<RoundEnd, ClusterError> {
        if failure.may_have_changed() {
            self.context.metrics.api_outcome_unknown();
        }
        let now = self.to_cloud_time(Instant::now());
        let outcome = |facts: &Facts| outcome::after_failure(facts, failure, advice(failure), now);
        let (status, again) = outcome(&self.facts);
        self.again = Some(again);
        let next = RoundEnd::After(again.duration_since(now).unsigned_abs());
        if failure.operation.is_change() {
            self.end_change(|facts| outcome(facts).0, next).await
        } else {
            self.end(status, next).await
        }
    }

    /// Writes the outcome of a change. It holds whatever was changed meanwhile, be it the status, as long as that names the same callback:
    /// a change that is forgotten, or its failure, is believed undone, or made again without a pause.
    async fn end_change(
        &mut self,
        outcome: impl Fn(&Facts) -> Status,
        mut next: RoundEnd,
    ) -> Result<RoundEnd, ClusterError> {
        let mut planned_on = self.stored();
        for _ in 0..5 {
            let status = outcome(&self.facts);
            let version = ObjectVersion::of(&self.object);
            let objects = &self.context.objects;
            match objects.write_status(&self.object, &version, &status).await {
                Ok(object) => return self.note_status_written(object, status).map(|()| next),
                Err(error) if error.is_not_found() => return Ok(RoundEnd::OnChange),
                Err(error) if is_stale(&error) => {
                    if let Err(error) = self.reread_after_conflict(&version, error).await {
                        self.keep_unwritten(planned_on, status);
                        return Err(error);
                    }
                    let stored = self.stored();
                    if stored != planned_on {
                        let was_stored = self.facts.status == planned_on;
                        if !was_stored || !UnwrittenStatus::say_the_same(&stored, &planned_on) {
                            return Ok(RoundEnd::Again);
                        }
                        self.facts.status = stored.clone();
                        planned_on = stored;
                    }
                    next = RoundEnd::Again;
                }
                Err(error) => {
                    self.keep_unwritten(planned_on, status);
                    return Err(error);
                }
            }
        }
        self.keep_unwritten(planned_on, outcome(&self.facts));
        Ok(RoundEnd::Again)
    }

    /// Said before the API server may let the object vanish: whoever sees it vanish must know why.
    fn note_released(&self, released: bool) {
        let released = released && self.facts.object.deleting;
        self.memory(|memory| memory.released = released);
    }

    /// Lets the object go.
    pub(super) async fn let_go(
        &mut self,
        retained: Option<String>,
    ) -> Result<RoundEnd, ClusterError> {
        let is_held = self.facts.object.deleting && !self.facts.object.held_by.is_empty();
        // First the status: an object without our finalizer that names a callback is one that somebody wiped. Where it can't be written the
        // object goes all the same: whoever takes it for wiped decides again what was decided here.
        let mut unwritten = None;
        if is_held {
            match self.write(release::after_release(&self.facts)).await {
                Ok(true) => {}
                Ok(false) => return Ok(RoundEnd::Again),
                Err(error) if error.is_refusal() || error.is_not_kept() => unwritten = Some(error),
                Err(error) => return Err(error),
            }
        }
        let version = ObjectVersion::of(&self.object);
        let objects = &self.context.objects;
        self.note_released(true);
        match objects.release(&self.object, &version).await {
            Ok(None) => {}
            Ok(Some(object)) => {
                self.remember(object);
                return self.report_unreleased(PUT_BACK).await;
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                self.note_released(false);
                return match self.refusal(&version, error).await? {
                    Some(why) => self.report_unreleased(&why).await,
                    None => Ok(RoundEnd::Again),
                };
            }
        }
        if let Some(id) = retained {
            info!(object = %self.name(), remote_id = id, "the object is let go; its callback stays at the cloud");
            let note = format!("The object is let go; the callback {id} stays at the cloud.");
            self.publish_event(EventType::Normal, Reason::Retained, &note);
        }
        self.report_left_unproven();
        unwritten.map_or(Ok(RoundEnd::OnChange), Err)
    }

    /// The object has its finalizer still: it is not let go.
    async fn report_unreleased(&mut self, why: &str) -> Result<RoundEnd, ClusterError> {
        self.note_released(false);
        let now = self.to_cloud_time(Instant::now());
        let (status, again) = release::after_refused_release(&self.facts, why, now);
        let wait = again.duration_since(now).unsigned_abs();
        self.end(status, RoundEnd::After(wait)).await
    }
}

/// What a create or an update sends.
pub(super) fn payload<'a>(desired: &'a Desired, key: Option<&'a SignKey>) -> Payload<'a> {
    Payload {
        place: &desired.place,
        content: &desired.content,
        key,
    }
}

/// What a status tells of a call that was answered.
pub(super) fn receipt<T>(answer: &Answer<T>) -> Receipt {
    Receipt {
        http_status: Some(answer.http_status),
        request_id: answer.request_id.clone(),
        at: answer.at,
    }
}

/// What the table of codes advises a person to do.
pub(super) fn advice(failure: &Failure) -> Option<&'static str> {
    codes::advice(failure)
}
