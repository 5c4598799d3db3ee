//! The controller as the interpreter of decisions: what each step does. Creates, updates and deletes have files of their own.

use std::time::Duration;

use tokio::time::Instant;

use super::change::advice;
use super::record::text;
use super::run::{Next, Run};
use crate::cluster::error::Error;
use crate::cluster::event::Tone;
use crate::cluster::object::{Version, is_stale};
use crate::declared::parse;
use crate::plan::facts::Facts;
use crate::plan::failure::Failure;
use crate::plan::interpreter::Interpreter;
use crate::plan::place::{Place, Target};
use crate::plan::reason::Reason;
use crate::plan::row::Row;
use crate::plan::step::{Look, Rest};
use crate::plan::{ledger, outcome, parting};

/// When to come back where somebody else's event is waited for that must be on its way.
const SOON: Duration = Duration::from_secs(1);

/// What the controller does with a decision. Each method that says `Some` ends the round.
impl Interpreter for Run<'_> {
    type End = Next;
    type Error = Error;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn endless(&self) -> Next {
        Next::Again
    }

    async fn read_access(&mut self) -> Result<Option<Next>, Error> {
        self.access().await
    }

    async fn look(&mut self, look: Look) -> Result<Option<Next>, Error> {
        self.look_at_place(look).await
    }

    async fn show(&mut self) -> Result<Option<Next>, Error> {
        self.get_recorded().await
    }

    async fn read_definition(&mut self) -> Result<Option<Next>, Error> {
        self.read_crd().await;
        Ok(None)
    }

    async fn protect(&mut self) -> Result<Option<Next>, Error> {
        self.put_back_metadata().await.map(Some)
    }

    async fn unprotect(&mut self) -> Result<Option<Next>, Error> {
        self.let_go(None).await.map(|_| Some(Next::Again))
    }

    async fn create(&mut self) -> Result<Option<Next>, Error> {
        Box::pin(self.make()).await.map(Some)
    }

    async fn update(&mut self, id: &str, drift: Option<String>) -> Result<Option<Next>, Error> {
        Box::pin(self.change(id, drift)).await.map(Some)
    }

    async fn delete(&mut self, id: &str) -> Result<Option<Next>, Error> {
        self.remove(id).await
    }

    async fn claim(&mut self, row: Row) -> Result<Option<Next>, Error> {
        self.record_own(row).await.map(Some)
    }

    async fn adopt(&mut self, row: Row) -> Result<Option<Next>, Error> {
        self.take_over(row).await.map(Some)
    }

    async fn disown(&mut self, id: &str, owner: &str) -> Result<Option<Next>, Error> {
        self.forget_id(id, owner).await.map(Some)
    }

    async fn release(&mut self, retained: Option<String>) -> Result<Option<Next>, Error> {
        self.let_go(retained).await.map(Some)
    }

    async fn failed(&mut self, failure: &Failure) -> Result<Option<Next>, Error> {
        self.tell_failure(failure).await.map(Some)
    }

    async fn unseen(&mut self, failure: &Failure) -> Result<Option<Next>, Error> {
        let status = outcome::unseen(&self.facts, failure, advice(failure));
        self.end(status, Next::OnChange).await.map(Some)
    }

    async fn rest(&mut self, rest: Rest) -> Result<Option<Next>, Error> {
        self.tell_rest(rest).await.map(Some)
    }
}

impl Run<'_> {
    /// Puts finalizer and record back.
    async fn put_back_metadata(&mut self) -> Result<Next, Error> {
        let record = self.facts.claiming_record().map(text);
        let version = Version::of(&self.object);
        let objects = &self.context.objects;
        let protected = objects.protect(&self.object, &version, record.as_deref());
        match protected.await {
            Ok(object) => self.remember(object),
            Err(error) if is_stale(&error) || error.is_not_found() => {
                self.overtaken(&version, error).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Next::Again)
    }

    /// Records a row that an attempt of ours made.
    async fn record_own(&mut self, row: Row) -> Result<Next, Error> {
        let (Ok(desired), Some(record)) = (self.facts.desired.clone(), self.facts.record.clone())
        else {
            return Ok(Next::Again);
        };
        let Some(attempt) = record.author_of(&row).or_else(|| record.newest().cloned()) else {
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
    async fn take_over(&mut self, row: Row) -> Result<Next, Error> {
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
    async fn forget_id(&mut self, id: &str, owner: &str) -> Result<Next, Error> {
        let (namespace, name) = owner.split_once('/').unwrap_or_default();
        let Some(owner) = self.context.objects.get(namespace, name).await? else {
            return Ok(Next::After(SOON)); // the watch will tell that it is gone
        };
        self.context.update(&owner);
        let held = owner.status.and_then(|status| status.callback_id);
        if held.as_deref() != Some(id) {
            return Ok(Next::After(SOON)); // the watch is behind
        }
        self.write(parting::disowned(&self.facts)).await?;
        Ok(Next::Again)
    }

    /// Whether another object came first, to the place or to the callback.
    fn is_taken(&self, target: &Target, place: &Place, id: &str) -> bool {
        let (index, uid) = (&self.context.index, &self.facts.object.uid);
        index.rival(uid, place, target).is_some()
            || !index.held_by_others(uid, std::iter::once(id)).is_empty()
    }

    /// The recorded row was seen, by a look that began after our last write.
    fn note_row(&self) {
        let id = self.facts.id();
        let mut rows = self.facts.observed.rows().iter();
        let write = ledger::last_write(&self.facts.status);
        if let (Some(row), Some(write)) = (rows.find(|row| Some(row.id.as_str()) == id), write)
            && self
                .facts
                .last_write
                .is_some_and(|at| self.facts.observed.since(at))
        {
            let uid = &self.facts.object.uid;
            self.context.memories.with(uid, |memory| {
                memory.note_row(write, &self.facts.status, row);
            });
        }
    }

    /// Nothing to do at the cloud: tells how things are.
    async fn tell_rest(&mut self, rest: Rest) -> Result<Next, Error> {
        let status = outcome::rested(&self.facts, &rest);
        self.note_row();
        if rest.look_again {
            let at = rest.again.map(|again| self.instant(again));
            self.context
                .memories
                .with(&self.facts.object.uid, |memory| memory.look_at = at);
        }
        let again = rest.again.map(|again| self.instant(again));
        let uid = &self.facts.object.uid;
        let next = self
            .context
            .memories
            .with(uid, |memory| memory.comes_back(again, Instant::now()));
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        self.end(status, wait.map_or(Next::OnChange, Next::After))
            .await
    }
}
