//! One reconcile, round by round: gathers what is known, has `plan` interpreted, and remembers how it ended. Which step an object takes is
//! decided in `plan`; here only when it comes back, and what of the memory counts for a round.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;
use tracing::{error, warn};

use super::context::Context;
use super::inputs::Inputs;
use super::leftover::Leftover;
use super::memory::sighting::Sighting;
use super::runner::RequeueAfter;
use super::store::KeptObject;
use super::worker_slots::WorkerSlot;
use crate::cluster::error::ClusterError;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::metrics::ReconcileResult;
use crate::plan::facts::conditions;
use crate::plan::facts::reason::Reason;
use crate::plan::step::backoff;
use crate::plan::step::interpreter::interpret;
use crate::plan::step::preconditions;
use crate::terms::failure::Failure;

/// How often one reconcile plans anew before it gives others a turn.
const ROUNDS: usize = 8;
/// When to come back after the rounds were used up.
const PAUSE_AFTER_ROUNDS: Duration = Duration::from_secs(1);
/// First and longest pause after an error of the API server.
const WRITE_PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Why a reconcile did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A mistake of ours.
    #[error("panic: {0}")]
    Panic(String),
}

/// When an object is asked for again that was gone before the watch told that, which it may tell minutes later.
const PAUSE_WHILE_GONE: Duration = Duration::from_secs(30);

/// Reconciles an object; a panic stays within it. Gives when to come back.
pub(super) async fn reconcile(
    object: Arc<KeptObject>,
    context: Arc<Context>,
) -> Option<RequeueAfter> {
    context.wait_until_ready().await;
    let slot = WorkerSlot::take(&context.workers, object.namespace()).await;
    let began = Instant::now();
    let result = catch_panic(Box::pin(plan_rounds(&context, &object, slot))).await;
    let (memories, uid) = (&context.memories, &object.uid);
    let last = memories.ended(uid, result.is_ok());
    let last = last.filter(|_| !context.index.has(uid));
    let left = |last| memories.with(uid, |memory| Leftover::of(last, memory, false));
    if let Some(left) = last.and_then(left) {
        context.clear_away(left);
    }
    let outcome = match &result {
        Ok(_) => ReconcileResult::Success,
        Err(ReconcileError::Cluster(_)) => ReconcileResult::Error,
        Err(ReconcileError::Panic(_)) => ReconcileResult::Panic,
    };
    context.metrics.reconciled(outcome, began.elapsed());
    let next = match result {
        Ok(next) => next,
        Err(failed) => {
            let tries = context.memories.write_tries(&object.uid);
            return Some(requeue_after_error(&object.name, &failed, tries));
        }
    };
    let after = match next {
        RoundEnd::Again => PAUSE_AFTER_ROUNDS,
        RoundEnd::After(wait) => wait,
        RoundEnd::OnChange => return None,
    };
    let why = "due again";
    Some(RequeueAfter { after, why })
}

/// The result, or the panic as an error.
async fn catch_panic<T>(
    work: impl Future<Output = Result<T, ReconcileError>>,
) -> Result<T, ReconcileError> {
    let work = AssertUnwindSafe(work).catch_unwind();
    work.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(ReconcileError::Panic(text.unwrap_or_default()))
    })
}

/// When to come back after an error of the API server: soon, since it says nothing about the cloud. A status that it refuses or does not
/// keep, as long as somebody has it so, is tried ever more slowly. `tries` is how often in a row that was.
fn requeue_after_error(name: &str, failed: &ReconcileError, tries: u32) -> RequeueAfter {
    let after = match failed {
        ReconcileError::Cluster(error) => {
            let (first, longest) = WRITE_PAUSES;
            let lasts = error.is_not_kept() || error.is_refusal();
            let tries = if lasts { tries } else { 1 };
            let after = backoff::doubled(first, tries).min(longest);
            let seconds = after.as_secs();
            warn!(object = name, "{error}; tried again in {seconds} s");
            after
        }
        ReconcileError::Panic(text) => {
            error!(
                object = name,
                "a mistake in this program: {text}; tried again in a minute"
            );
            Duration::from_mins(1)
        }
    };
    RequeueAfter {
        after,
        why: "retried after an error",
    }
}

/// Plans until there is nothing more to do at once. Each round begins with the newest object: one that was waited for may have
/// been edited, and the edit is all that counts.
async fn plan_rounds(
    context: &Context,
    object: &KeptObject,
    mut slot: WorkerSlot<'_>,
) -> Result<RoundEnd, ReconcileError> {
    let name = object.object_ref();
    let mut queued = false;
    for _ in 0..ROUNDS {
        let newest = context.newest(&name);
        let newest = newest.filter(|newest| context.index.has(&parse::uid(newest)));
        let Some(newest) = newest.filter(|_| !context.stop.is_requested()) else {
            return Ok(RoundEnd::OnChange);
        };
        let inputs = context.accounts.inputs(&newest);
        let mut reconciliation = Reconciliation::new(context, newest, slot);
        // On the heap while it lasts, like all that is over before the thousands wait.
        if Box::pin(reconciliation.is_gone_still()).await? {
            return Ok(RoundEnd::After(PAUSE_WHILE_GONE));
        }
        reconciliation.compare(inputs);
        reconciliation.facts.queued = queued;
        let (noticed, begun) = (reconciliation.pending_news(), Instant::now());
        let next = Box::pin(interpret(&mut reconciliation)).await?;
        // What only led to planning anew, for whatever cause, is still to be acted on.
        if !reconciliation.is_interrupted && (next != RoundEnd::Again || reconciliation.has_acted) {
            reconciliation.clear_news(&noticed);
            reconciliation.clear_looks(begun);
        }
        queued = reconciliation.facts.queued;
        if next != RoundEnd::Again {
            return Ok(next);
        }
        slot = reconciliation.slot;
        slot.let_others_go().await;
    }
    Ok(RoundEnd::Again)
}

impl Reconciliation<'_> {
    /// Whether a read did not find the object, and does not now. The same would be planned for it again and again, and paid for.
    async fn is_gone_still(&self) -> Result<bool, ClusterError> {
        let was_gone = self.memory(|memory| memory.gone);
        Ok(was_gone && self.read_afresh().await?.is_none())
    }

    /// Compares what the object's Secrets say with what was last decided on. Whoever noticed a difference only woke us: it is there
    /// until a reconcile has ended well with it.
    pub(super) fn compare(&mut self, inputs: Option<Inputs>) {
        self.facts.dependency_changed |= self.has_strayed() || self.has_another_owner();
        let Some(inputs) = inputs else { return };
        self.facts.key = inputs.key.clone();
        let status = self.object.status.as_ref();
        self.facts.dependency_changed |= self.memory(|memory| {
            let is_news = inputs.are_news(memory.decided, status);
            memory.deciding = Some(inputs.mark());
            is_news
        });
    }

    /// Whether the credentials were last seen to lead to another project than the callback's, of which the status says nothing. Where
    /// IAM tells the project, no comparison of what is named finds that.
    fn has_strayed(&self) -> bool {
        let status = &self.facts.status;
        let says_nothing =
            conditions::is_ready(status) || conditions::has_reason(status, Reason::ObserveOnly);
        let home = preconditions::recorded_target(&self.facts).filter(|_| says_nothing);
        let account = self.account.as_ref();
        home.zip(account)
            .is_some_and(|(home, account)| !home.same_project(account.target()))
    }

    /// Whether the place of an object that only looks has another owner than when it was decided what managing it would do. No row
    /// and no spec shows that.
    fn has_another_owner(&self) -> bool {
        let account = self.account.as_ref();
        let Some(account) = account.filter(|_| self.facts.status.plan.is_some()) else {
            return false;
        };
        let place = parse::place(&self.object.spec);
        let owner = self.other_owner(account.target(), &place);
        self.memory(|memory| {
            memory.decided_owner.is_some() && !memory.was_decided_with(owner.as_ref())
        })
    }

    /// What this round begins with that somebody saw at the cloud.
    fn pending_news(&self) -> (Option<Box<Sighting>>, Option<Box<Failure>>) {
        self.memory(|memory| (memory.news.clone(), memory.sweep_failure.clone()))
    }

    /// The looks that were due have been made and acted on; one that was put off since is still to come.
    fn clear_looks(&mut self, begun: Instant) {
        let (has_looked, rechecked) = (self.has_looked, self.rechecked.take());
        self.memory(|memory| {
            memory.look_at.take_if(|at| has_looked && *at <= begun);
            memory.rechecked = rechecked.or(memory.rechecked.take());
        });
    }

    /// It has been acted on, and is not news any more unless something newer was seen since.
    fn clear_news(&self, (news, sweep_failure): &(Option<Box<Sighting>>, Option<Box<Failure>>)) {
        self.memory(|memory| {
            memory
                .news
                .take_if(|newest| Some(&*newest) == news.as_ref());
            memory
                .sweep_failure
                .take_if(|newest| Some(&*newest) == sweep_failure.as_ref());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F>(_: impl FnOnce(&'static mut Reconciliation<'static>) -> F) -> usize {
        size_of::<F>()
    }

    fn size_of_rounds<F>(
        _: impl FnOnce(&'static Context, &'static KeptObject, WorkerSlot<'static>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn what_waits_by_the_thousand_takes_little_room() {
        let rounds = size_of_rounds(plan_rounds);
        let (step, create) = (size(interpret), size(Reconciliation::create));
        let look = size(|it| {
            let not_before = it.facts.now;
            let proof = crate::plan::step::Proof::Absence;
            it.look_at_place(crate::plan::step::Look { not_before, proof })
        });
        let all = [rounds, step, create, look];
        let most = [3_584, 2_560, 2_560, 6_144];
        assert!(
            all.iter().zip(most).all(|(size, most)| *size <= most),
            "{all:?}"
        );
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_object() {
        for number in [1, 2] {
            let failed = catch_panic::<()>(async move {
                match number {
                    1 => panic!("a text"),
                    number => panic!("a text with a number: {number}"),
                }
            });
            let message = failed.await.unwrap_err().to_string();
            assert!(message.starts_with("panic: a text"), "{message}");
        }
    }
}
