//! One reconcile: observe, plan, act, record. `plan` says what to do; this file only does it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kube::runtime::controller::Action;
use tokio::time::Instant;
use tracing::{error, warn};

use super::context::{Context, Turn};
use super::inputs::Inputs;
use super::run::{Next, Run};
use crate::api::RecordingCallback;
use crate::cluster::error::Error as ClusterError;
use crate::cluster::event::Tone;
use crate::cluster::object::{Version, is_stale};
use crate::declared::parse;
use crate::metrics::Outcome;
use crate::plan::decide::{Rest, Step, decide};
use crate::plan::facts::Key;
use crate::plan::outcome;
use crate::plan::place::{Place, Target};
use crate::plan::reason::Reason;
use crate::plan::row::Row;
use crate::plan::unseen;

use super::change::advice;
use super::record::text;

/// How often one reconcile plans anew before it gives others a turn.
const ROUNDS: usize = 8;
/// How many questions one plan may ask.
const QUESTIONS: usize = 16;
/// When to come back after the rounds were used up.
const BREATHER: Duration = Duration::from_secs(1);

/// Why a reconcile did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A mistake of ours.
    #[error("panic: {0}")]
    Panic(String),
}

/// Reconciles an object; a panic stays within it.
pub(super) async fn reconcile(
    object: Arc<RecordingCallback>,
    context: Arc<Context>,
) -> Result<Action, Failed> {
    context.may_begin().await;
    let turn = Turn::take(&context.workers).await;
    let began = Instant::now();
    let uid = parse::uid(&object);
    let result = contained(Box::pin(rounds(&context, object, turn))).await;
    context.memories.ended(&uid, result.is_ok());
    let outcome = match &result {
        Ok(_) => Outcome::Success,
        Err(Failed::Cluster(_)) => Outcome::Error,
        Err(Failed::Panic(_)) => Outcome::Panic,
    };
    context.metrics.reconciled(outcome, began.elapsed());
    result.map(|next| match next {
        Next::Again => Action::requeue(BREATHER),
        Next::After(wait) => Action::requeue(wait),
        Next::OnChange => Action::await_change(),
    })
}

/// The result, or the panic as an error.
async fn contained<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let work = AssertUnwindSafe(work).catch_unwind();
    work.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Failed::Panic(text.unwrap_or_default()))
    })
}

/// When to come back after an error of the API server: soon, since it says nothing about the cloud.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the controller hands it over so"
)]
pub(super) fn error_policy(
    object: Arc<RecordingCallback>,
    failed: &Failed,
    _: Arc<Context>,
) -> Action {
    let meta = parse::object(&object);
    let name = format!("{}/{}", meta.namespace, meta.name);
    match failed {
        Failed::Cluster(failed) => warn!(object = name, "{failed}; tried again in 5 s"),
        Failed::Panic(text) => error!(
            object = name,
            "a mistake in this program: {text}; tried again in a minute"
        ),
    }
    Action::requeue(match failed {
        Failed::Cluster(_) => Duration::from_secs(5),
        Failed::Panic(_) => Duration::from_mins(1),
    })
}

/// Plans until there is nothing more to do at once.
async fn rounds(
    context: &Context,
    object: Arc<RecordingCallback>,
    mut turn: Turn<'_>,
) -> Result<Next, Failed> {
    let (mut nudged, mut queued) = (false, false);
    for _ in 0..ROUNDS {
        if context.stop.is_requested() || !context.index.has(&parse::uid(&object)) {
            return Ok(Next::OnChange);
        }
        let newest = newest(context, &object);
        let (uid, inputs) = (parse::uid(&newest), context.accesses.inputs(&newest));
        let key = inputs.as_ref().map(|inputs| inputs.key.clone());
        let swept = context.memories.with(&uid, |memory| {
            let decided = memory.decided.as_ref();
            let is_news = |inputs: &Inputs| inputs.are_news(decided, newest.status.as_ref());
            nudged |= inputs.as_ref().is_some_and(is_news);
            memory.deciding = inputs;
            (memory.swept.clone(), memory.blind.clone())
        });
        let mut run = Run::new(context, newest, turn);
        run.facts.nudged = nudged;
        run.facts.key = key.unwrap_or(Key::Unread);
        run.facts.queued = queued;
        let next = Box::pin(run.questions()).await?;
        queued = run.facts.queued;
        if !run.interrupted {
            let (swept, blind) = (swept.0.as_ref(), swept.1.as_ref());
            context
                .memories
                .with(&uid, |memory| memory.used(swept, blind));
        }
        if next != Next::Again {
            return Ok(next);
        }
        turn = run.turn;
    }
    Ok(Next::Again)
}

/// The object as the watch brought it, or as a later write of ours returned it.
fn newest(context: &Context, seen: &Arc<RecordingCallback>) -> Arc<RecordingCallback> {
    context.memories.with(&parse::uid(seen), |memory| {
        let later = memory
            .written
            .clone()
            .filter(|written| parse::version(written) > parse::version(seen));
        if later.is_none() {
            memory.written = None;
        }
        later.unwrap_or_else(|| Arc::clone(seen))
    })
}

impl Run<'_> {
    /// Answers what the plan asks, until it says what to do.
    async fn questions(&mut self) -> Result<Next, ClusterError> {
        for _ in 0..QUESTIONS {
            let next = match decide(&self.facts) {
                Step::Access => self.read_access().await?,
                Step::Look(look) => self.look(look).await?,
                Step::Show => self.show().await?,
                Step::Definition => {
                    self.read_definition().await;
                    None
                }
                Step::Delete { id } => self.delete(&id).await?,
                step @ (Step::Protect
                | Step::Unprotect
                | Step::Create
                | Step::Update { .. }
                | Step::Claim(_)
                | Step::Adopt(_)
                | Step::Release { .. }
                | Step::Failed(_)
                | Step::Unseen(_)
                | Step::Rest(_)) => Some(Box::pin(self.act(step)).await?),
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
        Ok(Next::Again)
    }

    /// The steps that end a plan.
    async fn act(&mut self, step: Step) -> Result<Next, ClusterError> {
        match step {
            Step::Protect => self.protect().await,
            Step::Unprotect => self.release(None).await.map(|_| Next::Again),
            Step::Create => Box::pin(self.create()).await,
            Step::Update { id, drift } => self.update(&id, drift).await,
            Step::Claim(row) => self.claim(row).await,
            Step::Adopt(row) => self.adopt(row).await,
            Step::Release { retained } => self.release(retained).await,
            Step::Failed(failure) => self.failed(&failure).await,
            Step::Unseen(failure) => {
                let status = unseen::told(&self.facts, &failure, advice(&failure));
                self.end(status, Next::OnChange).await
            }
            Step::Rest(rest) => self.rest(rest).await,
            Step::Access | Step::Look(_) | Step::Show | Step::Definition | Step::Delete { .. } => {
                Ok(Next::Again)
            }
        }
    }

    /// Puts finalizer and record back.
    async fn protect(&mut self) -> Result<Next, ClusterError> {
        let record = self.facts.claiming_record().map(text);
        let protected = self
            .context
            .objects
            .protect(&self.object, &Version::of(&self.object), record.as_deref())
            .await;
        match protected {
            Ok(object) => self.remember(object),
            Err(error) if is_stale(&error) || error.is_not_found() => self.refresh().await?,
            Err(error) => return Err(error),
        }
        Ok(Next::Again)
    }

    /// Records a row that an attempt of ours made.
    async fn claim(&mut self, row: Row) -> Result<Next, ClusterError> {
        let (Ok(desired), Some(record)) = (self.facts.desired.clone(), self.facts.record.clone())
        else {
            return Ok(Next::Again);
        };
        let Some(attempt) = record.author_of(&row).or_else(|| record.newest()).cloned() else {
            return Ok(Next::Again);
        };
        let told = outcome::Told {
            http_status: None,
            request_id: None,
            at: row.create_time.unwrap_or(attempt.at),
        };
        let status = outcome::created(&self.facts, &desired, &attempt, &row, told);
        // Another process may have closed the record since it was read; then the row is not known to be ours.
        self.write(status).await?;
        Ok(Next::Again)
    }

    /// Records a foreign row that the policy lets us take over.
    async fn adopt(&mut self, row: Row) -> Result<Next, ClusterError> {
        let Some((account, desired)) = self.means() else {
            return Ok(Next::Again);
        };
        let Ok(_alone) = self.alone(&account, &desired.place).await else {
            return Ok(Next::Again);
        };
        if self.is_taken(account.target(), &desired.place, &row.id) {
            return Ok(Next::Again);
        }
        if !self.facts.object.finalizer {
            let _ = self.protect().await?;
            self.facts.object.finalizer = parse::object(&self.object).finalizer;
            if !self.facts.object.finalizer {
                return Ok(Next::Again);
            }
        }
        let status = outcome::adopted(&self.facts, &desired, &row);
        if self.write(status).await? {
            let note = format!(
                "The callback {} was there before; it is taken over, and stays when this object goes unless deletionPolicy is Delete.",
                row.id
            );
            self.tell(Tone::Normal, Reason::Adopted, &note).await;
        }
        Ok(Next::Again)
    }

    /// Whether another object came first, to the place or to the callback.
    fn is_taken(&self, target: &Target, place: &Place, id: &str) -> bool {
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        index.rival(uid, place, target).is_some()
            || !index.held_by_others(uid, std::iter::once(id)).is_empty()
    }

    /// Nothing to do at the cloud: tells how things are.
    async fn rest(&mut self, rest: Rest) -> Result<Next, ClusterError> {
        let status = outcome::rested(&self.facts, &rest);
        if rest.look_again {
            self.context
                .memories
                .with(&self.facts.object.uid, |memory| memory.look_at = rest.again);
        }
        let wait = rest.again.map(|again| again.duration_since(self.facts.now));
        let next = match wait {
            Some(wait) if wait.is_negative() => Next::After(Duration::ZERO),
            Some(wait) => Next::After(wait.unsigned_abs()),
            None => Next::OnChange,
        };
        self.end(status, next).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_object() {
        for number in [1, 2] {
            let failed = contained::<()>(async move {
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
