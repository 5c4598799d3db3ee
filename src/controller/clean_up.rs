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

use super::account::Account;
use super::allowance::Call;
use super::context::{Context, Turn};
use super::hearsay::Places;
use super::leftover::Leftover;
use super::run::{Next, Run};
use crate::cluster::error::Error;
use crate::cluster::event::Tone;
use crate::declared::parse;
use crate::live::quota::Lane;
use crate::plan::credible::credible;
use crate::plan::facts::{Access, Facts, Observed, Shown};
use crate::plan::failure::{Class, Failure};
use crate::plan::interpreter::{Interpreter, interpret};
use crate::plan::reason::Reason;
use crate::plan::row::Row;
use crate::plan::step::{Look, Rest};

/// How many are cleared away at once.
const AT_ONCE: usize = 100;
/// How long it is tried. Whatever stands in the way then needs a person, who is told the id.
const LONGEST: Duration = Duration::from_hours(1);
/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

/// How a try ended.
enum End {
    /// Nothing is left to do.
    Done(&'static str),
    /// What a create made may still come to light.
    Later(Duration),
    /// It has to be tried again.
    Problem(String),
}

/// Clears away what is left, until it is dropped: while the process drains, too.
pub(super) async fn run(context: &Context, leftovers: &mut UnboundedReceiver<Leftover>) {
    let places = &Places::new();
    futures::stream::poll_fn(|cx| leftovers.poll_recv(cx))
        .for_each_concurrent(AT_ONCE, |leftover| async move {
            if !leftover.is_ours {
                return leftover.tell_unproven(context).await;
            }
            let Some(_place) = places.take(&leftover) else {
                return leftover.tell_given_up("too many go so at once");
            };
            let mut unfinished = Unfinished(Some(leftover));
            if let Some(leftover) = &unfinished.0 {
                tokio::select! {
                    () = leftover.clear_away(context) => {}
                    () = sleep(LONGEST) => leftover.tell_given_up("it is given up after an hour"),
                }
                context.memories.forget(&parse::uid(&leftover.object));
            }
            unfinished.0 = None;
        })
        .await;
}

/// Tells what nobody began with before the process ends.
pub(super) fn tell_rest(leftovers: &mut UnboundedReceiver<Leftover>) {
    while let Ok(leftover) = leftovers.try_recv() {
        drop(Unfinished(Some(leftover)));
    }
}

/// What is not cleared away yet. Dropped so, the process ends: nobody else will ever know of it.
struct Unfinished(Option<Leftover>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(leftover) = &self.0 {
            leftover.tell_given_up("the operator ends");
        }
    }
}

impl Leftover {
    /// Nothing is asked or deleted for a record that anybody may have written.
    async fn tell_unproven(&self, context: &Context) {
        let note = "The object went with the record of a create that this process has not made, and whose outcome is not known. If a callback was made, `recording-callback-operator orphans` lists it.";
        warn!(object = self.name(), "{note}");
        let (tone, reason) = (Tone::Warning, Reason::OutcomeUnknown);
        context
            .events
            .publish(&self.object, tone, reason, note)
            .await;
        context.memories.forget(&parse::uid(&self.object));
    }

    fn tell_given_up(&self, why: &str) {
        error!(
            object = self.name(),
            remote_id = self.status.callback_id.as_deref().unwrap_or_default(),
            "the object went without being let go, and its callback may be left at the cloud: {why}; see `recording-callback-operator orphans`"
        );
    }

    async fn clear_away(&self, context: &Context) {
        let name = self.name();
        let remote_id = self.status.callback_id.as_deref().unwrap_or_default();
        let mut pause = PAUSES.0;
        let mut deleted = BTreeSet::new();
        loop {
            match Box::pin(self.attempt(context, &mut deleted)).await {
                End::Done(end) => {
                    info!(object = name, remote_id, "{end}");
                    return;
                }
                End::Later(wait) => sleep(wait).await,
                End::Problem(problem) => {
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
    async fn attempt(&self, context: &Context, deleted: &mut BTreeSet<String>) -> End {
        match self.is_there(context).await {
            Ok(false) => {}
            Ok(true) => {
                return End::Done("the object is still there, so its callback stays at the cloud");
            }
            Err(problem) => return End::Problem(problem),
        }
        if parse::policies(&self.object.spec).suspend || context.settings.read_only {
            return End::Done(farewell(true, false));
        }
        let account = match self.account(context).await {
            Ok(account) => account,
            Err(problem) => return End::Problem(problem),
        };
        let turn = Turn::take(&context.workers).await;
        let mut run = Run::new(context, Arc::clone(&self.object), turn);
        self.assume(&mut run.facts, &account, deleted);
        run.account = Some(Arc::clone(&account));
        let mut clean_up = CleanUp {
            leftover: self,
            run,
            account,
            deleted,
        };
        let end = Box::pin(interpret(&mut clean_up)).await;
        end.unwrap_or_else(|error| End::Problem(error.to_string()))
    }

    /// The object as if it still were there and being deleted.
    fn assume(&self, facts: &mut Facts, account: &Account, deleted: &BTreeSet<String>) {
        facts.object.deleting = true;
        facts.object.finalizer = true;
        facts.status = credible(self.status.clone(), facts.now);
        facts.record.clone_from(&self.record);
        facts.is_hearsay = self.is_hearsay();
        facts.access = Access::Usable(account.target().clone());
        facts.deleted.extend(deleted.iter().cloned());
    }

    /// Whether the object is there all the same.
    async fn is_there(&self, context: &Context) -> Result<bool, String> {
        let meta = parse::object(&self.object);
        let found = context.objects.get(&meta.namespace, &meta.name).await;
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.is_some_and(|object| parse::uid(&object) == meta.uid))
    }

    async fn account(&self, context: &Context) -> Result<Arc<Account>, String> {
        let present = self.present_account(context).await;
        let Some(last) = &self.account else {
            return present;
        };
        // They may have been renewed since, but for the same project.
        let renewed = present.ok();
        let is_at_home = |account: &Arc<Account>| account.target().same_project(last.target());
        Ok(renewed
            .filter(is_at_home)
            .unwrap_or_else(|| Arc::clone(last)))
    }

    /// Who calls for it by what its credentials say now.
    async fn present_account(&self, context: &Context) -> Result<Arc<Account>, String> {
        let read = context.accesses.read(&self.object, false).await;
        let login = read.map_err(|error| error.to_string())?.login;
        let entry = context.accesses.enter(&self.object, login).await;
        entry
            .account
            .ok_or_else(|| "its credentials can't be used".to_owned())
    }

    /// Deletes it, unless somebody else has taken it over. Waiting holds no worker's place.
    async fn delete(
        &self,
        run: &mut Run<'_>,
        account: &Arc<Account>,
        id: &str,
    ) -> Result<(), String> {
        let context = run.context;
        let meta = parse::object(&self.object);
        let place = parse::place(&self.object.spec);
        let allowed = context
            .memories
            .with(&meta.uid, |memory| memory.allowance.take(Call::Change));
        if allowed.is_err() {
            return Err(
                "the calls that may be made for one object in an hour are used up".to_owned(),
            );
        }
        let purse = run.purse();
        let token = async {
            let alone = context.places.lock(account.target(), &place).await;
            let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
            (alone, token.await)
        };
        let (_alone, token) = run.turn.pause(token).await;
        let ids = std::iter::once(id);
        if !context.index.held_by_others(&meta.uid, ids).is_empty() {
            info!(remote_id = id, "the callback belongs to another object now");
            return Ok(());
        }
        if !context.leadership.fresh() {
            return Err("the Lease was not renewed in time".to_owned());
        }
        let deadline = context.deadline(context.request_timeout);
        let call = account.delete(token.paid_from(&purse), id, deadline);
        let reply = run.turn.pause(call).await;
        account.looks().wrote(&place);
        let Err(failure) = reply else {
            info!(
                remote_id = id,
                "the callback of an object that went is deleted at the cloud"
            );
            return Ok(());
        };
        let gone = failure.class == Class::Gone
            || (failure.class == Class::Rejected && purse.pay(1) && {
                let shown = async {
                    let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
                    account.show(token.await.paid_from(&purse), id).await
                };
                run.turn.pause(shown).await == Shown::Gone
            });
        if gone { Ok(()) } else { Err(failure.message) }
    }
}

/// One try to clear away: what may be done for an object that is gone.
struct CleanUp<'a> {
    leftover: &'a Leftover,
    run: Run<'a>,
    account: Arc<Account>,
    /// The ids that earlier steps and tries deleted.
    deleted: &'a mut BTreeSet<String>,
}

/// How a step ends the try, if it does.
type Ended = Result<Option<End>, Error>;

fn problem(what: impl Into<String>) -> End {
    End::Problem(what.into())
}

/// A change to an object, or for one that is to stay, makes no sense any more.
fn impossible() -> End {
    problem("this can't be done for an object that is gone")
}

/// Why a question was not answered.
fn interrupted(answered: Result<Option<Next>, Error>) -> Ended {
    let unanswered = answered?.map(|_| End::Problem("the look was interrupted".to_owned()));
    Ok(unanswered)
}

impl Interpreter for CleanUp<'_> {
    type End = End;
    type Error = Error;

    fn facts(&self) -> &Facts {
        &self.run.facts
    }

    fn endless(&self) -> End {
        End::Problem("the cloud shows something else at every look".to_owned())
    }

    async fn read_access(&mut self) -> Ended {
        Ok(Some(impossible()))
    }

    async fn look(&mut self, look: Look) -> Ended {
        interrupted(Box::pin(self.run.look_at_place(look)).await)
    }

    async fn show(&mut self) -> Ended {
        interrupted(Box::pin(self.run.get_recorded()).await)
    }

    async fn read_definition(&mut self) -> Ended {
        self.run.read_crd().await;
        Ok(None)
    }

    async fn protect(&mut self) -> Ended {
        Ok(Some(impossible()))
    }

    async fn unprotect(&mut self) -> Ended {
        Ok(Some(impossible()))
    }

    async fn create(&mut self) -> Ended {
        Ok(Some(impossible()))
    }

    async fn update(&mut self, _: &str, _: Option<String>) -> Ended {
        Ok(Some(impossible()))
    }

    async fn delete(&mut self, id: &str) -> Ended {
        let deleted = self.leftover.delete(&mut self.run, &self.account, id).await;
        if let Err(what) = deleted {
            return Ok(Some(problem(what)));
        }
        let (target, facts) = (self.account.target(), &mut self.run.facts);
        self.run.context.deleted.note(target, id);
        self.deleted.insert(id.to_owned());
        facts.deleted.insert(id.to_owned());
        facts.observed = Observed::Unasked;
        Ok(None)
    }

    async fn claim(&mut self, _: Row) -> Ended {
        Ok(Some(impossible()))
    }

    async fn adopt(&mut self, _: Row) -> Ended {
        Ok(Some(impossible()))
    }

    async fn disown(&mut self, _: &str, _: &str) -> Ended {
        Ok(Some(impossible()))
    }

    async fn release(&mut self, retained: Option<String>) -> Ended {
        let end = farewell(retained.is_some(), !self.deleted.is_empty());
        Ok(Some(End::Done(end)))
    }

    async fn failed(&mut self, failure: &Failure) -> Ended {
        Ok(Some(problem(&failure.message)))
    }

    async fn unseen(&mut self, failure: &Failure) -> Ended {
        Ok(Some(problem(&failure.message)))
    }

    async fn rest(&mut self, rest: Rest) -> Ended {
        let again = rest
            .again
            .map(|again| again.duration_since(self.run.facts.now));
        Ok(Some(match again {
            Some(again) => End::Later(again.unsigned_abs()),
            None => End::Problem(rest.situation.message),
        }))
    }
}

/// What became of the callback of an object that is forgotten now.
fn farewell(retained: bool, deleted: bool) -> &'static str {
    match (retained, deleted) {
        (true, _) => "the object went without being let go; its callback stays at the cloud",
        (false, true) => "the object went without being let go; its callback is deleted",
        (false, false) => "the object went, and left nothing at the cloud",
    }
}
