//! One try to clear away what an object left: the facts as if it still were there and being deleted, and an interpreter of the plan's steps
//! that asks and deletes at the cloud. Writes no object: what it holds can't.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::STILL_THERE;
use crate::cluster::error::ClusterError;
use crate::controller::account::SharedAccount;
use crate::controller::allowance::CallPurpose;
use crate::controller::context::Context;
use crate::controller::gather::ids_at_hand;
use crate::controller::leftover::{Leftover, LeftoverEnd};
use crate::controller::reconciliation::ObjectGone;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::controller::worker_slots::WorkerSlot;
use crate::declared::parse;
use crate::plan::facts::sanitize::sanitize;
use crate::plan::facts::time::earlier;
use crate::plan::facts::{CloudAccess, Facts, GetResult};
use crate::plan::step::Step;
use crate::plan::step::interpreter::{Interpreter, interpret};
use crate::platform::quota::Lane;
use crate::terms::failure::Class;

/// When it is asked anew what was not answered.
const SOON: Duration = Duration::from_secs(2);

/// What is told of a callback that somebody else took over.
const TAKEN_OVER: &str = "the callback belongs to another object now";

/// How a try ended.
pub(super) enum AttemptEnd {
    /// Nothing is left to do.
    Done(&'static str),
    /// What a create made may still come to light.
    Later(Duration),
    /// It has to be tried again.
    Problem(String),
}

impl Leftover {
    /// One try: asks and deletes what the plan says.
    pub(super) async fn attempt(
        &self,
        context: &Context,
        deleted: &mut BTreeSet<String>,
    ) -> AttemptEnd {
        match self.is_there(context).await {
            Ok(false) => {}
            Ok(true) => return AttemptEnd::Done(STILL_THERE),
            Err(problem) => return AttemptEnd::Problem(problem),
        }
        if parse::policies(&self.object.spec).suspend || context.settings.read_only {
            return AttemptEnd::Done(describe_end(true, false));
        }
        let account = match self.account(context).await {
            Ok(account) => account,
            Err(problem) => return AttemptEnd::Problem(problem),
        };
        let meta = parse::object(&self.object);
        context.memories.with(&meta.uid, |it| it.clearing = true);
        let slot = WorkerSlot::take(&context.workers, &meta.namespace).await;
        let mut reconciliation = Reconciliation::new(context, Arc::clone(&self.object), slot);
        self.assume(context, &mut reconciliation.facts, &account, deleted);
        reconciliation.keep_news_of(&account);
        reconciliation.account = Some(Arc::clone(&account));
        let mut clean_up = CleanUp {
            leftover: self,
            reconciliation,
            account,
            deleted,
        };
        let end = Box::pin(interpret(&mut clean_up)).await;
        end.unwrap_or_else(|error| AttemptEnd::Problem(error.to_string()))
    }

    /// The object as if it still were there and being deleted.
    fn assume(
        &self,
        context: &Context,
        facts: &mut Facts,
        account: &SharedAccount,
        deleted: &BTreeSet<String>,
    ) {
        facts.object.deleting = true;
        facts.object.finalizer = true;
        facts.status = sanitize(self.status.clone(), facts.now);
        facts.record.clone_from(&self.record);
        facts.is_hearsay = self.is_hearsay();
        if let Some(seen) = self.attempt_seen {
            // What was remembered of that may be forgotten by now, and then the cloud's clock alone would say what is settled.
            facts.posted_here = true;
            facts.record_first_seen = earlier(facts.now, seen.elapsed());
        }
        facts.access = CloudAccess::Usable(account.target().clone());
        let lately = context.deleted.among(account.target(), ids_at_hand(facts));
        facts.deleted.extend(lately);
        facts.deleted.extend(deleted.iter().cloned());
    }

    /// Whether the object is there all the same.
    pub(super) async fn is_there(&self, context: &Context) -> Result<bool, String> {
        let meta = parse::object(&self.object);
        let found = context.objects.get(&meta.namespace, &meta.name).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.is_some_and(|object| parse::uid(&object) == meta.uid))
    }

    async fn account(&self, context: &Context) -> Result<Arc<SharedAccount>, String> {
        let present = self.present_account(context).await;
        let Some(last) = &self.account else {
            return present;
        };
        // They may have been renewed since, but for the same project, and at the same address: another may be that of another cloud.
        match present {
            Ok(present) if present.target() == last.target() => Ok(present),
            Ok(_) | Err(_) => Ok(Arc::clone(last)),
        }
    }

    /// Who calls for it by what its credentials say now.
    async fn present_account(&self, context: &Context) -> Result<Arc<SharedAccount>, String> {
        let read = context.accounts.read(&self.object, false).await;
        let login = read.map_err(|error| error.to_string())?.login;
        let entry = context.accounts.identify(&self.object, login).await;
        entry
            .account
            .ok_or_else(|| "its credentials can't be used".to_owned())
    }

    /// Deletes it, unless somebody else has taken it over. Waiting holds no worker slot.
    async fn delete(
        &self,
        reconciliation: &mut Reconciliation<'_, ObjectGone>,
        account: &Arc<SharedAccount>,
        id: &str,
    ) -> Result<LeftoverEnd, String> {
        let context = reconciliation.context;
        let (meta, place) = (parse::object(&self.object), parse::place(&self.object.spec));
        let allowed = reconciliation.memory(|memory| memory.allowance.take(CallPurpose::Change));
        if allowed.is_err() {
            return Err("its calls of this hour are used up".to_owned());
        }
        let budget = reconciliation.budget();
        let token = async {
            let place_lock = context.places.lock(account.target(), &place).await;
            let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
            (place_lock, token.await)
        };
        let (_place_lock, token) = reconciliation.slot.wait_without_slot(token).await;
        let ids = std::iter::once(id);
        if !context.index.held_by_others(&meta.uid, ids).is_empty() {
            return Ok(LeftoverEnd::TakenOver);
        }
        if !context.leadership.fresh() {
            return Err("the Lease was not renewed in time".to_owned());
        }
        let deadline = context.deadline(context.request_timeout);
        let call = account.delete(token.charged_to(&budget), id, deadline);
        let reply = reconciliation.slot.wait_without_slot(call).await;
        context.accounts.void_place(account.target(), &place);
        let Err(failure) = reply else {
            info!(
                remote_id = id,
                "the callback of an object that went is deleted at the cloud"
            );
            return Ok(LeftoverEnd::Deleted);
        };
        let gone = failure.class == Class::Gone
            || (failure.class == Class::Rejected && budget.spend(1) && {
                let gone = async {
                    let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
                    account.get_by_id(token.await.charged_to(&budget), id).await
                };
                reconciliation.slot.wait_without_slot(gone).await == GetResult::Gone
            });
        gone.then_some(LeftoverEnd::Deleted).ok_or(failure.message)
    }
}

/// One try to clear away: what may be done for an object that is gone.
struct CleanUp<'a> {
    leftover: &'a Leftover,
    reconciliation: Reconciliation<'a, ObjectGone>,
    account: Arc<SharedAccount>,
    /// The ids that earlier steps and tries deleted.
    deleted: &'a mut BTreeSet<String>,
}

/// How a step ends the try, if it does.
type Ended = Result<Option<AttemptEnd>, ClusterError>;

/// A question that was not answered is asked anew: its calls were used up, or something was told of the object after all.
fn asked(answered: Result<Option<RoundEnd>, ClusterError>) -> Ended {
    Ok(answered?.map(|_| AttemptEnd::Later(SOON)))
}

impl Interpreter for CleanUp<'_> {
    type End = AttemptEnd;
    type Error = ClusterError;

    fn facts(&self) -> &Facts {
        &self.reconciliation.facts
    }

    fn out_of_steps(&self) -> AttemptEnd {
        AttemptEnd::Problem("the cloud shows something else at every look".to_owned())
    }

    async fn perform(&mut self, step: Step) -> Ended {
        let end = match step {
            Step::Look(look) => {
                return asked(Box::pin(self.reconciliation.look_at_place(look)).await);
            }
            Step::GetById => {
                return asked(Box::pin(self.reconciliation.get_recorded()).await);
            }
            Step::ReadCrd => {
                self.reconciliation.load_crd().await;
                return Ok(None);
            }
            Step::Delete { id } => return Ok(self.delete(&id).await),
            // Nothing is written down of an object that is gone.
            Step::Claim(row) => return Ok(self.delete(&row.id).await),
            Step::Release { retained } => {
                self.reconciliation.report_left_unproven();
                AttemptEnd::Done(describe_end(retained.is_some(), !self.deleted.is_empty()))
            }
            Step::ReportFailure(failure) | Step::ReportSweepFailure(failure) => {
                AttemptEnd::Problem(failure.message)
            }
            Step::Requeue(requeue) => match requeue.again {
                Some(again) => AttemptEnd::Later(
                    again
                        .duration_since(self.reconciliation.facts.now)
                        .unsigned_abs(),
                ),
                None => AttemptEnd::Problem(requeue.situation.message),
            },
            // A change to an object, or for one that is to stay, makes no sense any more.
            Step::ReadSecrets
            | Step::AddFinalizer
            | Step::RemoveFinalizer
            | Step::Create
            | Step::Update { .. }
            | Step::Adopt(_)
            | Step::Disown { .. } => {
                AttemptEnd::Problem("this can't be done for an object that is gone".to_owned())
            }
        };
        Ok(Some(end))
    }
}

impl CleanUp<'_> {
    async fn delete(&mut self, id: &str) -> Option<AttemptEnd> {
        match self
            .leftover
            .delete(&mut self.reconciliation, &self.account, id)
            .await
        {
            Ok(LeftoverEnd::Deleted) => {}
            // Not noted as deleted: its new owner would believe that it is gone.
            Ok(LeftoverEnd::TakenOver) => return Some(AttemptEnd::Done(TAKEN_OVER)),
            Err(problem) => return Some(AttemptEnd::Problem(problem)),
        }
        self.deleted.insert(id.to_owned());
        self.reconciliation.note_deleted(&self.account, id);
        None
    }
}

/// What became of the callback of an object that is forgotten now.
fn describe_end(retained: bool, deleted: bool) -> &'static str {
    match (retained, deleted) {
        (true, _) => "the object went without being let go; its callback stays at the cloud",
        (false, true) => "the object went without being let go; its callback is deleted",
        (false, false) => "the object went, and left nothing at the cloud",
    }
}
