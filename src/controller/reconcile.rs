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
use super::memory::Sighting;
use super::runner::Comeback;
use super::store::KeptObject;
use super::worker_slots::WorkerSlot;
use crate::cluster::error::ClusterError;
use crate::controller::reconciliation::{Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::metrics::ReconcileResult;
use crate::plan::facts::conditions;
use crate::plan::facts::reason::Reason;
use crate::plan::step::interpreter::interpret;
use crate::plan::step::preconditions;
use crate::terms::failure::Failure;

/// How often one reconcile plans anew before it gives others a turn.
const ROUNDS: usize = 8;
/// When to come back after the rounds were used up.
const BREATHER: Duration = Duration::from_secs(1);

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

/// Reconciles an object; a panic stays within it. Gives when to come back.
pub(super) async fn reconcile(object: Arc<KeptObject>, context: Arc<Context>) -> Option<Comeback> {
    context.wait_until_ready().await;
    let turn = WorkerSlot::take(&context.workers, object.namespace()).await;
    let began = Instant::now();
    let result = catch_panic(Box::pin(plan_rounds(&context, &object, turn))).await;
    context.memories.ended(&object.uid, result.is_ok());
    let outcome = match &result {
        Ok(_) => ReconcileResult::Success,
        Err(ReconcileError::Cluster(_)) => ReconcileResult::Error,
        Err(ReconcileError::Panic(_)) => ReconcileResult::Panic,
    };
    context.metrics.reconciled(outcome, began.elapsed());
    let next = match result {
        Ok(next) => next,
        Err(failed) => return Some(come_back_after(&object.name, &failed)),
    };
    let after = match next {
        RoundEnd::Again => BREATHER,
        RoundEnd::After(wait) => wait,
        RoundEnd::OnChange => return None,
    };
    let why = "reconciler requested retry";
    Some(Comeback { after, why })
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

/// When to come back after an error of the API server: soon, since it says nothing about the cloud.
fn come_back_after(name: &str, failed: &ReconcileError) -> Comeback {
    match failed {
        ReconcileError::Cluster(failed) => warn!(object = name, "{failed}; tried again in 5 s"),
        ReconcileError::Panic(text) => error!(
            object = name,
            "a mistake in this program: {text}; tried again in a minute"
        ),
    }
    Comeback {
        after: match failed {
            ReconcileError::Cluster(_) => Duration::from_secs(5),
            ReconcileError::Panic(_) => Duration::from_mins(1),
        },
        why: "error policy requested retry",
    }
}

/// Plans until there is nothing more to do at once. Each round begins with the newest object: one that was waited for may have
/// been edited, and the edit is all that counts.
async fn plan_rounds(
    context: &Context,
    object: &KeptObject,
    mut turn: WorkerSlot<'_>,
) -> Result<RoundEnd, ReconcileError> {
    let name = object.object_ref();
    let mut queued = false;
    for _ in 0..ROUNDS {
        let newest = context.newest(&name);
        let newest = newest.filter(|newest| context.index.has(&parse::uid(newest)));
        let Some(newest) = newest.filter(|_| !context.stop.is_requested()) else {
            return Ok(RoundEnd::OnChange);
        };
        let inputs = context.accesses.inputs(&newest);
        let mut run = Reconciliation::new(context, newest, turn);
        run.compare(inputs);
        run.facts.queued = queued;
        let noticed = run.pending_news();
        let next = Box::pin(interpret(&mut run)).await?;
        // What only led to planning anew, for whatever cause, is still to be acted on.
        if !run.is_interrupted && (next != RoundEnd::Again || run.has_acted) {
            run.clear_news(&noticed);
        }
        queued = run.facts.queued;
        if next != RoundEnd::Again {
            return Ok(next);
        }
        turn = run.turn;
        turn.let_others_go().await;
    }
    Ok(RoundEnd::Again)
}

impl Reconciliation<'_> {
    /// Compares what the object's Secrets say with what was last decided on. Whoever noticed a difference only woke us: it is there
    /// until a reconcile has ended well with it.
    pub(super) fn compare(&mut self, inputs: Option<Inputs>) {
        self.facts.nudged |= self.has_strayed() || self.has_another_owner();
        let Some(inputs) = inputs else { return };
        self.facts.key = inputs.key.clone();
        let status = self.object.status.as_ref();
        self.facts.nudged |= self.memory(|memory| {
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
        let (uid, index) = (&self.facts.object.uid, &self.context.index);
        let owner = index.owner_elsewhere(uid, &parse::place(&self.object.spec), account.target());
        self.memory(|memory| memory.told_owner.is_some() && !memory.has_told(owner.as_ref()))
    }

    /// What this round begins with that somebody saw at the cloud.
    fn pending_news(&self) -> (Option<Box<Sighting>>, Option<Box<Failure>>) {
        self.memory(|memory| (memory.news.clone(), memory.blind.clone()))
    }

    /// It has been acted on, and is not news any more unless something newer was seen since.
    fn clear_news(&self, (news, blind): &(Option<Box<Sighting>>, Option<Box<Failure>>)) {
        self.memory(|memory| {
            memory
                .news
                .take_if(|newest| Some(&*newest) == news.as_ref());
            memory
                .blind
                .take_if(|newest| Some(&*newest) == blind.as_ref());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_object() {
        for number in [1, 2] {
            let failed = catch_panic::<()>(async move {
                match number {
                    1 => panic!("a text"),
                    number => panic!("a text with a number: {number}"),
                }
            });
            let told = failed.await.unwrap_err().to_string();
            assert!(told.starts_with("panic: a text"), "{told}");
        }
    }
}
