//! What an object left at the cloud that went without having been let go: it was replaced without its finalizer and deleted, or
//! deleted by force while its create was under way. Nobody else knows of it any more, so what would have been done is done
//! here: `plan` decides as for an object that is being deleted, and nothing is written to Kubernetes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::account::SharedAccount;
use super::allowance::CallPurpose;
use super::clean_up_slots::CleanUpSlots;
use super::context::Context;
use super::gather::ids_at_hand;
use super::leftover::{Leftover, LeftoverEnd};
use super::unproven::report_unproven;
use super::worker_slots::WorkerSlot;
use crate::cluster::error::ClusterError;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::plan::facts::sanitize::sanitize;
use crate::plan::facts::{CloudAccess, Facts, GetResult, Observed};
use crate::plan::step::Step;
use crate::plan::step::interpreter::{Interpreter, interpret};
use crate::platform::quota::Lane;
use crate::terms::failure::Class;

/// How long it is tried. Whatever stands in the way then needs a person, who is told the id.
const LONGEST: Duration = Duration::from_hours(1);
/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

/// What is told of an object that somebody else may serve now.
const STILL_THERE: &str = "the object is still there, so its callback stays at the cloud";

/// What is told of a callback that somebody else took over.
const TAKEN_OVER: &str = "the callback belongs to another object now";

/// What is told of a record that anybody may have written: nothing is asked or deleted for it.
const OF_A_RECORD: &str = "The object went with the record of a create that this process has not made, and whose outcome is not known. If a callback was made,";

/// How a try ended.
enum AttemptEnd {
    /// Nothing is left to do.
    Done(&'static str),
    /// What a create made may still come to light.
    Later(Duration),
    /// It has to be tried again.
    Problem(String),
}

/// Clears away what is left, until it is dropped: while the process drains, too.
pub(super) async fn run(context: &Context, leftovers: &mut UnboundedReceiver<Leftover>) {
    let slots = &CleanUpSlots::new();
    futures::stream::poll_fn(|cx| leftovers.poll_recv(cx))
        .for_each_concurrent(None, |leftover| async move {
            let room = slots.room(&leftover).filter(|_| leftover.is_ours);
            let Some(_room) = room else {
                report_unproven(context, &leftover.object, &leftover.unproven());
                return leftover.forget(context);
            };
            let mut unfinished = Unfinished(Some(leftover));
            if let Some(leftover) = &unfinished.0 {
                tokio::select! {
                    () = leftover.clear_away(context, slots) => {}
                    () = sleep(LONGEST) => leftover.log_given_up("it is given up after an hour"),
                }
                leftover.forget(context);
            }
            unfinished.0 = None;
        })
        .await;
}

/// Tells what nobody began with before the process ends.
pub(super) fn log_unstarted(leftovers: &mut UnboundedReceiver<Leftover>) {
    while let Ok(leftover) = leftovers.try_recv() {
        drop(Unfinished(Some(leftover)));
    }
}

/// What is not cleared away yet. Dropped so, the process ends: nobody else will ever know of it.
struct Unfinished(Option<Leftover>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(leftover) = &self.0 {
            leftover.log_given_up("the operator ends");
        }
    }
}

impl Leftover {
    /// What may be left of an object of which this process has not seen why it went, and made nothing for it.
    fn unproven(&self) -> String {
        self.status.callback_id.as_ref().map_or_else(
            || OF_A_RECORD.to_owned(),
            |id| format!("The object went without being let go, and its callback {id} may be left at the cloud."),
        )
    }

    /// What came back meanwhile is served, and remembered.
    fn forget(&self, context: &Context) {
        let uid = parse::uid(&self.object);
        if !context.index.has(&uid) {
            context.memories.forget(&uid);
        }
    }

    fn log_given_up(&self, why: &str) {
        error!(
            object = self.name(),
            remote_id = self.status.callback_id.as_deref().unwrap_or_default(),
            "the object went without being let go, and its callback may be left at the cloud: {why}; see `recording-callback-operator orphans`"
        );
    }

    async fn clear_away(&self, context: &Context, slots: &CleanUpSlots) {
        let name = self.name();
        let remote_id = self.status.callback_id.as_deref().unwrap_or_default();
        let namespace_slot = slots.of_namespace(self).await;
        // What only left the selector is there still, and needs no slot of all.
        if let Ok(true) = self.is_there(context).await {
            info!(object = name, remote_id, "{STILL_THERE}");
            return;
        }
        drop(namespace_slot);
        let mut pause = PAUSES.0;
        let mut deleted = BTreeSet::new();
        loop {
            // Only while it is tried: those that fail again and again must leave room for the others.
            let slots = (slots.of_namespace(self).await, slots.of_all(self).await);
            let end = Box::pin(self.attempt(context, &mut deleted)).await;
            drop(slots);
            match end {
                AttemptEnd::Done(end) => {
                    info!(object = name, remote_id, "{end}");
                    return;
                }
                AttemptEnd::Later(wait) => sleep(wait).await,
                AttemptEnd::Problem(problem) => {
                    warn!(
                        object = name,
                        remote_id,
                        "the object went without being let go, and its callback is not deleted yet: {problem}"
                    );
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// One try: asks and deletes what the plan says.
    async fn attempt(&self, context: &Context, deleted: &mut BTreeSet<String>) -> AttemptEnd {
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
        facts.access = CloudAccess::Usable(account.target().clone());
        let lately = context.deleted.among(account.target(), ids_at_hand(facts));
        facts.deleted.extend(lately);
        facts.deleted.extend(deleted.iter().cloned());
    }

    /// Whether the object is there all the same.
    async fn is_there(&self, context: &Context) -> Result<bool, String> {
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
        reconciliation: &mut Reconciliation<'_>,
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
    reconciliation: Reconciliation<'a>,
    account: Arc<SharedAccount>,
    /// The ids that earlier steps and tries deleted.
    deleted: &'a mut BTreeSet<String>,
}

/// How a step ends the try, if it does.
type Ended = Result<Option<AttemptEnd>, ClusterError>;

/// Why a question was not answered.
fn interrupted(answered: Result<Option<RoundEnd>, ClusterError>) -> Ended {
    let unanswered = answered?.map(|_| AttemptEnd::Problem("the look was interrupted".to_owned()));
    Ok(unanswered)
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
                return interrupted(Box::pin(self.reconciliation.look_at_place(look)).await);
            }
            Step::GetById => {
                return interrupted(Box::pin(self.reconciliation.get_recorded()).await);
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
        let (target, facts) = (self.account.target(), &mut self.reconciliation.facts);
        self.reconciliation.context.deleted.add(target, id);
        self.deleted.insert(id.to_owned());
        facts.deleted.insert(id.to_owned());
        facts.observed = Observed::Unasked;
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
