//! One reconcile: observe, plan, act, record. `plan` says what to do; this file only does it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tracing::{error, warn};

use super::context::{Context, Turn};
use super::inputs::Inputs;
use super::memory::News;
use super::run::{Next, Run};
use crate::api::RecordingCallback;
use crate::cluster::error::Error as ClusterError;
use crate::cluster::event::Tone;
use crate::cluster::object::{Version, is_stale};
use crate::declared::parse;
use crate::metrics::Outcome;
use crate::plan::facts::Facts;
use crate::plan::failure::Failure;
use crate::plan::interpreter::{Interpreter, interpret};
use crate::plan::place::{Place, Target};
use crate::plan::reason::Reason;
use crate::plan::row::Row;
use crate::plan::step::{Look, Rest};
use crate::plan::{hold, ledger, outcome};

use super::change::advice;
use super::record::text;

/// How often one reconcile plans anew before it gives others a turn.
const ROUNDS: usize = 8;
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
    let result = contained(Box::pin(rounds(&context, &object, turn))).await;
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

/// Plans until there is nothing more to do at once. Each round begins with the newest object: one that was waited for may have
/// been edited, and the edit is all that counts.
async fn rounds(
    context: &Context,
    object: &RecordingCallback,
    mut turn: Turn<'_>,
) -> Result<Next, Failed> {
    let name = ObjectRef::from_obj(object);
    let mut queued = false;
    for _ in 0..ROUNDS {
        let newest = context.newest(&name);
        let newest = newest.filter(|newest| context.index.has(&parse::uid(newest)));
        let Some(newest) = newest.filter(|_| !context.stop.is_requested()) else {
            return Ok(Next::OnChange);
        };
        let inputs = context.accesses.inputs(&newest);
        let mut run = Run::new(context, newest, turn);
        run.compare(inputs);
        run.facts.queued = queued;
        let noticed = run.noticed();
        let next = Box::pin(interpret(&mut run)).await?;
        if !run.is_interrupted {
            run.acted_on(&noticed);
        }
        queued = run.facts.queued;
        if next != Next::Again {
            return Ok(next);
        }
        turn = run.turn;
    }
    Ok(Next::Again)
}

impl Run<'_> {
    /// Compares what the object's Secrets say with what was last decided on. Whoever noticed a difference only woke us: it is there
    /// until a reconcile has ended well with it.
    fn compare(&mut self, inputs: Option<Inputs>) {
        let Some(inputs) = inputs else { return };
        let uid = &self.facts.object.uid;
        self.facts.key = inputs.key.clone();
        let status = self.object.status.as_ref();
        self.facts.nudged = self.context.memories.with(uid, |memory| {
            let is_news = inputs.are_news(memory.decided.as_ref(), status);
            memory.deciding = Some(inputs);
            is_news
        });
    }

    /// What this round begins with that somebody saw at the cloud.
    fn noticed(&self) -> (Option<News>, Option<Failure>) {
        let memories = &self.context.memories;
        memories.with(&self.facts.object.uid, |memory| {
            (memory.news.clone(), memory.blind.clone())
        })
    }

    /// It has been acted on, and is not news any more unless something newer was seen since.
    fn acted_on(&self, (news, blind): &(Option<News>, Option<Failure>)) {
        self.context
            .memories
            .with(&self.facts.object.uid, |memory| {
                memory
                    .news
                    .take_if(|newest| Some(&*newest) == news.as_ref());
                memory
                    .blind
                    .take_if(|newest| Some(&*newest) == blind.as_ref());
            });
    }

    /// Puts finalizer and record back.
    async fn put_back_metadata(&mut self) -> Result<Next, ClusterError> {
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
    async fn record_own(&mut self, row: Row) -> Result<Next, ClusterError> {
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
    async fn take_over(&mut self, row: Row) -> Result<Next, ClusterError> {
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
            let _ = self.put_back_metadata().await?;
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

    /// The owner of the place holds the id that this object has in its status: a fresh read of the owner decides.
    async fn forget_id(&mut self, id: &str, owner: &str) -> Result<Next, ClusterError> {
        let (namespace, name) = owner.split_once('/').unwrap_or_default();
        let Some(owner) = self.context.objects.get(namespace, name).await? else {
            return Ok(Next::After(BREATHER)); // the watch will tell that it is gone
        };
        self.context.note(&owner);
        let held = owner.status.and_then(|status| status.callback_id);
        if held.as_deref() != Some(id) {
            return Ok(Next::Again);
        }
        self.write(outcome::disowned(&self.facts)).await?;
        Ok(Next::Again)
    }

    /// Whether another object came first, to the place or to the callback.
    fn is_taken(&self, target: &Target, place: &Place, id: &str) -> bool {
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        index.rival(uid, place, target).is_some()
            || !index.held_by_others(uid, std::iter::once(id)).is_empty()
    }

    /// The recorded row was seen, and our last write had settled by then.
    fn note_row(&self) {
        let id = self.facts.id();
        let mut rows = self.facts.observed.rows().iter();
        let settle_time = self.context.settings.settle_time;
        let settled_at = hold::counts_at(self.facts.last_write, settle_time);
        let write = ledger::last_write(&self.facts.status);
        if let (Some(row), Some(write)) = (rows.find(|row| Some(row.id.as_str()) == id), write)
            && self.facts.observed.since(settled_at)
        {
            let uid = &self.facts.object.uid;
            self.context
                .memories
                .with(uid, |memory| memory.note_row(write, row));
        }
    }

    /// Nothing to do at the cloud: tells how things are.
    async fn tell_rest(&mut self, rest: Rest) -> Result<Next, ClusterError> {
        let status = outcome::rested(&self.facts, &rest);
        self.note_row();
        if rest.look_again {
            let at = rest.again.map(|again| self.instant(again));
            self.context
                .memories
                .with(&self.facts.object.uid, |memory| memory.look_at = at);
        }
        let again = rest.again.map(|again| self.instant(again));
        // A look that was put off is made, whatever this reconcile was for.
        let uid = &self.facts.object.uid;
        let look_at = self.context.memories.with(uid, |memory| memory.look_at);
        let look_at = look_at.filter(|at| *at > Instant::now());
        let next = again.into_iter().chain(look_at).min();
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        self.end(status, wait.map_or(Next::OnChange, Next::After))
            .await
    }
}

/// What the controller does with a decision. Each method that says `Some` ends the round.
impl Interpreter for Run<'_> {
    type End = Next;
    type Error = ClusterError;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn endless(&self) -> Next {
        Next::Again
    }

    async fn read_access(&mut self) -> Result<Option<Next>, ClusterError> {
        self.access().await
    }

    async fn look(&mut self, look: Look) -> Result<Option<Next>, ClusterError> {
        self.look_at_place(look).await
    }

    async fn show(&mut self) -> Result<Option<Next>, ClusterError> {
        self.get_recorded().await
    }

    async fn read_definition(&mut self) -> Result<Option<Next>, ClusterError> {
        self.read_crd().await;
        Ok(None)
    }

    async fn protect(&mut self) -> Result<Option<Next>, ClusterError> {
        self.put_back_metadata().await.map(Some)
    }

    async fn unprotect(&mut self) -> Result<Option<Next>, ClusterError> {
        self.let_go(None).await.map(|_| Some(Next::Again))
    }

    async fn create(&mut self) -> Result<Option<Next>, ClusterError> {
        Box::pin(self.make()).await.map(Some)
    }

    async fn update(
        &mut self,
        id: &str,
        drift: Option<String>,
    ) -> Result<Option<Next>, ClusterError> {
        Box::pin(self.change(id, drift)).await.map(Some)
    }

    async fn delete(&mut self, id: &str) -> Result<Option<Next>, ClusterError> {
        self.remove(id).await
    }

    async fn claim(&mut self, row: Row) -> Result<Option<Next>, ClusterError> {
        self.record_own(row).await.map(Some)
    }

    async fn adopt(&mut self, row: Row) -> Result<Option<Next>, ClusterError> {
        self.take_over(row).await.map(Some)
    }

    async fn disown(&mut self, id: &str, owner: &str) -> Result<Option<Next>, ClusterError> {
        self.forget_id(id, owner).await.map(Some)
    }

    async fn release(&mut self, retained: Option<String>) -> Result<Option<Next>, ClusterError> {
        self.let_go(retained).await.map(Some)
    }

    async fn failed(&mut self, failure: &Failure) -> Result<Option<Next>, ClusterError> {
        self.tell_failure(failure).await.map(Some)
    }

    async fn unseen(&mut self, failure: &Failure) -> Result<Option<Next>, ClusterError> {
        let status = outcome::unseen(&self.facts, failure, advice(failure));
        self.end(status, Next::OnChange).await.map(Some)
    }

    async fn rest(&mut self, rest: Rest) -> Result<Option<Next>, ClusterError> {
        self.tell_rest(rest).await.map(Some)
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
