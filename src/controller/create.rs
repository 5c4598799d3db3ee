//! The create: write ahead, POST once, record the outcome. The only file that may POST.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tracing::debug;

use super::account::Account;
use super::allowance::Call;
use super::change::{advice, payload};
use super::identifier;
use super::leftover::Leftover;
use super::memory::Unwritten;
use super::record::{Landed, text};
use super::run::{Changed, Next, Run};
use crate::api::status::Status;
use crate::cluster::error::Error;
use crate::cluster::event::Tone;
use crate::cluster::object::{Version, is_stale};
use crate::declared::parse;
use crate::live::answer::Answer;
use crate::live::looks::{Ask, Creating, Proof};
use crate::live::quota::{Lane, Token};
use crate::live::transport::Deadline;
use crate::plan::facts::{Desired, Key, Observed};
use crate::plan::failure::{Class, Failure, Operation};
use crate::plan::foreign;
use crate::plan::outcome::{self, Told};
use crate::plan::reason::Reason;
use crate::plan::record::{Attempt, Record};
use crate::plan::row::Row;
use crate::plan::step::{self, Look};
use crate::plan::time::{later, shifted};
use crate::plan::unknown::FIRST_LOOK;

/// For so long a doubtful date holds up no second create.
const DOUBTS: Duration = Duration::from_mins(1);
/// Beside the request timeout, how long an attempt may take from its record to its end.
const MARGIN: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Creates the callback. The place was seen to be free.
    pub(super) async fn make(&mut self) -> Result<Next, Error> {
        let Some((account, desired)) = self.means() else {
            return Ok(Next::Again);
        };
        if self.is_date_doubted(&account) {
            // Not the look that was doubted, however short ago that was.
            let not_before = later(self.moment(Instant::now()), Duration::from_millis(1));
            let proof = Proof::Absence;
            let _ = self.look_at_place(Look { not_before, proof }).await?;
            return Ok(Next::Again);
        }
        let Ok(_alone) = self.alone(&account, &desired.place).await else {
            return Ok(Next::Again);
        };
        let Some((token, creating)) = self.create_token(&account).await? else {
            return Ok(Next::Again);
        };
        if !self.may_create(&account, &desired) {
            return Ok(Next::Again);
        }
        let Some((record, attempt)) = self.write_ahead(&account, &desired).await? else {
            return Ok(Next::Again);
        };
        let deadline = self.deadline(&account, attempt.at);
        let reply = self
            .post(&account, &desired, &record, token, deadline)
            .await;
        self.note_sent();
        drop(creating); // a look may wait for it
        let was_removed = self.facts.id().is_some();
        let (status, next) = self.judge(&account, &desired, &attempt, reply).await;
        let landed = self.land(&record, status.clone()).await;
        if landed.is_err() {
            let (planned_on, status) = (self.stored(), status.clone());
            self.keep_unwritten(Some(Unwritten { planned_on, status }));
        }
        self.context
            .memories
            .with(&self.facts.object.uid, |memory| memory.posting = false);
        match landed? {
            Landed::Written => {
                if was_removed {
                    self.tell_removed().await;
                }
                Ok(next)
            }
            Landed::Overtaken => {
                self.refresh().await?;
                Ok(Next::Again)
            }
            Landed::Gone => {
                let uid = &self.facts.object.uid;
                let made = self
                    .context
                    .memories
                    .with(uid, |memory| memory.made.clone());
                self.context.clear_away(Leftover {
                    object: Arc::clone(&self.object),
                    status,
                    record: Some(record),
                    account: Some(account),
                    made,
                    is_ours: true,
                });
                Ok(Next::OnChange)
            }
        }
    }

    /// Told once the outcome is written, which an event must not hold up.
    async fn tell_removed(&self) {
        self.context.metrics.drift_repaired();
        let note = "The callback was removed at the cloud; it is created again.";
        self.tell(Tone::Warning, Reason::Drifted, note).await;
    }

    /// The attempt is dated, and rows are held against that: what time it is at the cloud has to be known. Where the newest answer and
    /// the clock in use disagree, one more look tells who is right; it is not waited for longer.
    fn is_date_doubted(&self, account: &Account) -> bool {
        let doubted = self.context.clock.is_doubted(&account.target().endpoint);
        let uid = &self.facts.object.uid;
        doubted
            && self.context.memories.with(uid, |memory| {
                let lately = memory.doubted.is_some_and(|at| at.elapsed() < DOUBTS);
                memory.doubted = memory.doubted.filter(|_| lately).or(Some(Instant::now()));
                !lately
            })
    }

    /// The right to make one POST, at a moment when no sweep needs the project still.
    async fn create_token(
        &mut self,
        account: &Arc<Account>,
    ) -> Result<Option<(Token, Creating)>, Error> {
        if self.within_allowance(Call::Change).await?.is_err() {
            return Ok(None);
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        let looks = account.looks();
        self.tell_wait(account.bucket().estimate(lane, &namespace))
            .await?;
        let granted = self.wait(looks.creating(lane, &namespace)).await.ok();
        Ok(granted.map(|(token, creating)| (token.paid_from(&self.purse()), creating)))
    }

    /// Asked again once the token is there: the look may have grown old, another object may have come first, the Lease may be lost.
    fn may_create(&mut self, account: &Account, desired: &Desired) -> bool {
        let now = self.moment(Instant::now());
        let fresh = self.facts.observed.since(shifted(now, -step::FRESH));
        let uid = &self.facts.object.uid;
        let rival = self
            .context
            .index
            .rival(uid, &desired.place, account.target());
        fresh && rival.is_none() && self.context.leadership.fresh()
    }

    /// Finalizer and record in one patch, guarded by the version that was planned on.
    async fn write_ahead(
        &mut self,
        account: &Account,
        desired: &Desired,
    ) -> Result<Option<(Record, Attempt)>, Error> {
        let key_digest = match &self.facts.key {
            Key::Digest(digest) => Some(digest.clone()),
            Key::Unread | Key::Unwanted | Key::Missing(_) | Key::Invalid(_) => None,
        };
        let (now, begun) = (
            self.context.clock.now(&account.target().endpoint),
            Instant::now(),
        );
        let attempt = Attempt::new(identifier::new(now), now, &desired.content, key_digest);
        // What earlier attempts may still come to is not forgotten, though a later one was refused.
        let record = match self.facts.claiming_record() {
            Some(open) => open.clone().appended(attempt.clone()),
            None => Record::new(&self.facts.object.uid, account.target(), attempt.clone()),
        };
        let version = Version::of(&self.object);
        match self
            .context
            .objects
            .protect(&self.object, &version, Some(&text(&record)))
            .await
        {
            Ok(object) => {
                self.remember(object);
                self.facts.record = Some(record.clone());
                let written = record.clone();
                let seen = Some((attempt.id.clone(), begun));
                self.context
                    .memories
                    .with(&self.facts.object.uid, |memory| {
                        memory.record = Some(written);
                        memory.attempt_seen = seen;
                        memory.posting = true;
                        memory.has_posted = true;
                    });
                Ok(Some((record, attempt)))
            }
            Err(error) if is_stale(&error) || error.is_not_found() => {
                self.overtaken(&version, error).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Until when a request may be handed over and waited for, from the moment that it was planned at.
    pub(super) fn deadline(&self, account: &Account, planned: jiff::Timestamp) -> Deadline {
        let limit = MARGIN + self.context.request_timeout;
        let passed = self
            .context
            .clock
            .now(&account.target().endpoint)
            .duration_since(planned);
        let passed = if passed.is_negative() {
            Duration::ZERO
        } else {
            passed.unsigned_abs()
        };
        self.context.deadline(limit.saturating_sub(passed))
    }

    async fn post(
        &mut self,
        account: &Arc<Account>,
        desired: &Desired,
        record: &Record,
        token: Token,
        deadline: Deadline,
    ) -> Result<Answer<Option<Row>>, Failure> {
        if !self.context.leadership.fresh() {
            return Err(not_led());
        }
        let key = self.sign_key.clone();
        let call = account.create(token, payload(desired, key.as_ref()), deadline);
        let mut call = Box::pin(call);
        let reply = loop {
            match self.or_changed(call.as_mut()).await {
                Ok(reply) => break reply,
                Err(Changed) => self.put_back(record).await,
            }
        };
        let made_nothing = reply.as_ref().is_err_and(|failure| {
            !failure.class.may_have_happened() && failure.class != Class::Exists
        });
        if !made_nothing {
            account.looks().wrote(&desired.place);
            self.note_wrote();
        }
        reply
    }

    /// Writes back what somebody wiped while the POST is under way (`kubectl replace` does): a process that died now would leave
    /// what the POST makes to nobody. Whatever fails here is made good when the outcome is written.
    async fn put_back(&mut self, record: &Record) {
        let Some(object) = self.context.newest(&ObjectRef::from_obj(&*self.object)) else {
            return;
        };
        let now = parse::object(&object);
        let is_whole = now.finalizer && parse::record(&object).as_ref() == Some(record);
        if is_whole || now.deleting || now.uid != self.facts.object.uid {
            return;
        }
        let (version, record) = (Version::of(&object), text(record));
        let protect = self
            .context
            .objects
            .protect(&object, &version, Some(&record));
        match protect.await {
            Ok(object) => self.remember(object),
            Err(error) => {
                debug!(%error, object = %self.name(), "a wiped record is not put back yet");
            }
        }
    }

    /// The status that the reply leads to, and when to go on.
    async fn judge(
        &mut self,
        account: &Arc<Account>,
        desired: &Desired,
        attempt: &Attempt,
        reply: Result<Answer<Option<Row>>, Failure>,
    ) -> (Status, Next) {
        let failure = match reply {
            Ok(answer) => {
                let told = Told {
                    http_status: Some(answer.http_status),
                    request_id: answer.request_id,
                    at: answer.at,
                };
                let row = match answer.value {
                    Some(row) => {
                        // It is ours from now on, whatever anybody writes into statuses.
                        let (uid, made) = (&self.facts.object.uid, Some(row.id.clone()));
                        self.context.memories.with(uid, |memory| memory.made = made);
                        Some((row, None))
                    }
                    None => self.find(account, desired).await,
                };
                self.note_written(account);
                if let Some((row, author)) = row {
                    let attempt = author.as_ref().unwrap_or(attempt);
                    let status = outcome::created(&self.facts, desired, attempt, &row, told);
                    return (status, Next::Again);
                }
                nameless(told)
            }
            Err(failure) => failure,
        };
        let now = self.moment(Instant::now());
        if failure.may_have_changed() {
            self.context.metrics.api_outcome_unknown();
        }
        let (status, again) = outcome::failed(&self.facts, &failure, advice(&failure), now);
        self.again = Some(again);
        let is_open = self
            .facts
            .record
            .as_ref()
            .is_some_and(|r| r.is_open(status.closed_operation.as_deref()));
        let wait = if is_open {
            FIRST_LOOK
        } else {
            again.duration_since(now).unsigned_abs()
        };
        let next = if again <= now {
            Next::Again
        } else {
            Next::After(wait)
        };
        (status, next)
    }

    /// The cloud took the create and named no id, as its first contract has it: one look finds it, or what an earlier attempt made.
    async fn find(
        &mut self,
        account: &Arc<Account>,
        desired: &Desired,
    ) -> Option<(Row, Option<Attempt>)> {
        let purse = self.purse();
        if !purse.pay(1) {
            return None;
        }
        let ask = Ask {
            place: desired.place.clone(),
            not_before: Instant::now(),
            proof: Proof::Presence,
            lane: Lane::Urgent,
            namespace: self.facts.object.namespace.clone(),
            purse,
        };
        let seen = self.turn.pause(account.looks().look(ask)).await.ok()?;
        let ids = seen.rows.iter().map(|row| row.id.as_str());
        self.facts.claimed_elsewhere = self
            .context
            .index
            .held_by_others(&self.facts.object.uid, ids);
        let rows = self.context.deleted.living(account.target(), seen.rows);
        self.facts.observed = Observed::seen(self.moment(seen.begun), rows, seen.proves_absence);
        let row = foreign::ours(&self.facts)?;
        let record = self.facts.record.as_ref();
        Some((row.clone(), record.and_then(|it| it.author_of(row))))
    }
}

/// Another process may lead by now: nothing was handed over.
fn not_led() -> Failure {
    Failure {
        operation: Operation::Create,
        class: Class::NotSent,
        http_status: None,
        code: None,
        message: "the Lease was not renewed in time, so another operator may be at work".to_owned(),
        request_id: None,
        retry_after: None,
    }
}

/// A 2xx that names no id, and no look found it yet.
fn nameless(told: Told) -> Failure {
    Failure {
        operation: Operation::Create,
        class: Class::Protocol,
        http_status: told.http_status,
        code: None,
        message:
            "the cloud accepted the create without naming an id, and the list does not show it yet"
                .to_owned(),
        request_id: told.request_id,
        retry_after: None,
    }
}
