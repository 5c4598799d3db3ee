//! The create: write ahead, POST once, find out what came of it. Nothing else in the controller POSTs; whether to, `plan` says, and what
//! must hold still when the token is there is asked here.

mod post;

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

use super::account::SharedAccount;
use super::allowance::CallPurpose;
use super::identifier;
use super::leftover::Leftover;
use crate::api::status::Status;
use crate::api::{PENDING_OPERATION, RecordingCallback};
use crate::cluster::error::ClusterError;
use crate::cluster::object::ObjectVersion;
use crate::controller::call_waits::REPORTED_WAIT;
use crate::controller::reconciliation::{PlannedAt, Reconciliation, RoundEnd};
use crate::controller::refused_writes::{NOT_KEPT, is_protected};
use crate::controller::status_writer::{CreateOutcomeWrite, record_annotation};
use crate::controller::update_delete::{advice, receipt};
use crate::declared::parse;
use crate::live::answer::Answer;
use crate::live::client::CreatePermit;
use crate::live::looks::{CreateInFlight, LookRequest, Proof, WaitForSweeps};
use crate::plan::facts::observed::FRESH;
use crate::plan::facts::record::{Attempt, Record, WrittenRecord};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{Desired, Observed};
use crate::plan::outcome::{self, Receipt};
use crate::plan::step::Look;
use crate::plan::step::open_record::FIRST_LOOK;
use crate::platform::quota::{Lane, Token};
use crate::terms::failure::{Class, Failure, Operation};

/// For so long a doubtful date holds up no second create.
const DOUBT_INTERVAL: Duration = Duration::from_mins(1);

/// What is on the object before its POST, with the right to make that.
type WrittenAhead = (Record, Attempt, WrittenRecord, CreateInFlight);

impl Reconciliation<'_> {
    /// Creates the callback. The place was seen to be free.
    pub(super) async fn create(&mut self) -> Result<RoundEnd, ClusterError> {
        let Some((account, desired)) = self.account_and_spec() else {
            return Ok(RoundEnd::Again);
        };
        if self.is_date_doubted(&account) {
            // Not the look that was doubted, however short ago that was.
            let not_before = later(self.to_cloud_time(Instant::now()), Duration::from_millis(1));
            let proof = Proof::Absence;
            let _ = Box::pin(self.look_at_place(Look { not_before, proof })).await?;
            return Ok(RoundEnd::Again);
        }
        let Ok(_place_lock) = self.lock_place(&account, &desired.place).await else {
            return Ok(RoundEnd::Again);
        };
        let Some((token, creating)) = self.create_token(&account).await? else {
            return Ok(RoundEnd::Again);
        };
        let (places, target) = (&self.context.places, account.target());
        let Some(claim) = places.try_claim(target, &desired.place) else {
            drop((token, creating)); // both would keep others waiting
            self.give_back();
            let _ = self.claim(&account, &desired.place).await;
            return Ok(RoundEnd::Again);
        };
        if !self.may_create(&account, &desired) {
            self.give_back();
            return Ok(RoundEnd::Again);
        }
        Box::pin(self.create_now(account, &desired, token, creating, claim)).await
    }

    /// Writes ahead, POSTs and records what came of it: the right to that is there. On the heap while it lasts, since thousands wait for it.
    async fn create_now(
        &mut self,
        account: Arc<SharedAccount>,
        desired: &Desired,
        token: Token,
        creating: CreateInFlight,
        claim: OwnedMutexGuard<()>,
    ) -> Result<RoundEnd, ClusterError> {
        let planned = self.planned_now(&account);
        let ahead = self.write_ahead(&account, desired, planned, creating);
        let Some((record, attempt, written, creating)) = Box::pin(ahead).await? else {
            return Ok(RoundEnd::Again);
        };
        drop(claim); // by now others see the record
        let permit = CreatePermit::new(written, token, self.deadline(&account, planned));
        let posted = Box::pin(self.post(&account, desired, &record, permit, creating));
        let reply = posted.await;
        self.note_sent();
        let resolved = Box::pin(self.resolve_reply(&account, desired, &attempt, reply));
        let (status, next) = resolved.await;
        let written = Box::pin(self.write_create_outcome(&record, status.clone()));
        let written = written.await;
        if let Err(error) = &written {
            self.report_unwritten(&status, error);
            self.keep_unwritten(self.stored(), status.clone());
        }
        // As long as a create is under way nobody else clears away what it made, be its outcome written or not. First this, and then the
        // question: whoever has an object that went cleared away takes it off the index before it asks whether somebody creates.
        self.memory(|memory| memory.posting = false);
        let is_gone = !self.context.index.has(&self.facts.object.uid);
        let written = if is_gone {
            CreateOutcomeWrite::Gone
        } else {
            written?
        };
        match written {
            CreateOutcomeWrite::Written => Ok(next),
            CreateOutcomeWrite::Overtaken => {
                self.refresh().await?;
                Ok(RoundEnd::Again)
            }
            CreateOutcomeWrite::Gone => {
                let earlier = || self.memory(|memory| memory.made.as_deref().map(str::to_owned));
                let made = self.made.clone().or_else(earlier);
                self.context.clear_away(Leftover {
                    object: self.last_seen(),
                    status,
                    record: Some(record),
                    attempt_seen: Some(planned.here),
                    account: Some(account),
                    made,
                    is_ours: true,
                });
                Ok(RoundEnd::OnChange)
            }
        }
    }

    /// The object as it went, or as it was last, as far as that was seen: how it was when it was posted may be long ago.
    fn last_seen(&self) -> Arc<RecordingCallback> {
        let uid = &self.facts.object.uid;
        let newest = self.context.newest(&ObjectRef::from_obj(&*self.object));
        let newest = newest.filter(|newest| parse::uid(newest) == *uid);
        let last = || self.memory(|memory| memory.written.clone());
        newest
            .or_else(last)
            .unwrap_or_else(|| Arc::clone(&self.object))
    }

    /// The attempt is dated, and rows are held against that: what time it is at the cloud has to be known. Where the newest answer and
    /// the clock in use disagree, one more look tells who is right; it is not waited for longer.
    fn is_date_doubted(&self, account: &SharedAccount) -> bool {
        let doubted = self.context.clock.is_doubted(&account.target().endpoint);
        doubted
            && self.memory(|memory| {
                let lately = memory
                    .doubted
                    .as_ref()
                    .is_some_and(|at| at.elapsed() < DOUBT_INTERVAL);
                if !lately {
                    memory.doubted = Some(Box::new(Instant::now()));
                }
                !lately
            })
    }

    /// The right to make one POST, at a moment when no sweep needs the project quiet. Nobody holds up sweeps, and with them the creates of
    /// others, while it waits for its worker slot.
    async fn create_token(
        &mut self,
        account: &Arc<SharedAccount>,
    ) -> Result<Option<(Token, CreateInFlight)>, ClusterError> {
        if self.within_allowance(CallPurpose::Change).await?.is_err() {
            return Ok(None);
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        let looks = account.looks();
        let wait = account.bucket().estimate(lane, &namespace);
        if self.report_wait(wait).await?.is_err() {
            return Ok(None);
        }
        let mut waited = WaitForSweeps::default();
        loop {
            // Once on the heap, and not several times within whoever waits for it.
            let token = Box::pin(looks.create_token(lane, &namespace, &mut waited));
            let Ok(token) = self.wait(token).await else {
                self.give_back();
                return Ok(None);
            };
            if let Some(creating) = looks.try_pass(&waited) {
                return Ok(Some((token.charged_to(&self.budget()), creating)));
            }
        }
    }

    /// Asked again once the token is there: the look may have grown old, another object may have come first, the Lease may be lost.
    fn may_create(&self, account: &SharedAccount, desired: &Desired) -> bool {
        let now = self.to_cloud_time(Instant::now());
        let fresh = self.facts.observed.since(shifted(now, -FRESH));
        let other_owner = self.other_owner(account.target(), &desired.place);
        fresh && other_owner.is_none() && self.context.leadership.fresh()
    }

    /// Finalizer and record in one patch, guarded by the version that was planned on.
    async fn write_ahead(
        &mut self,
        account: &SharedAccount,
        desired: &Desired,
        planned: PlannedAt,
        creating: CreateInFlight,
    ) -> Result<Option<WrittenAhead>, ClusterError> {
        let key_digest = self.facts.key.digest().map(str::to_owned);
        let (id, now) = (identifier::new(planned.cloud), planned.cloud);
        let attempt = Attempt::new(id, now, &desired.content, key_digest);
        // What earlier attempts may still come to is not forgotten, though a later one was refused.
        let record = match self.facts.claiming_record() {
            // Where the project has another address now, a callback of it was found there.
            Some(open) => Record {
                target: account.target().clone(),
                ..open.clone().appended(attempt.clone())
            },
            None => Record::new(&self.facts.object.uid, account.target(), attempt.clone()),
        };
        let version = ObjectVersion::of(&self.object);
        match self
            .context
            .objects
            .protect(&self.object, &version, Some(&record_annotation(&record)))
            .await
        {
            Ok(object) => {
                let stored = object.annotations().get(PENDING_OPERATION);
                let proof = stored.and_then(|stored| record.written_in(stored));
                let proof = proof.filter(|_| is_protected(&object, None));
                self.remember(object);
                // Something in the API server's way took one of them off: a process that died would leave what it posts to nobody, and
                // the object would go without its delete.
                let Some(proof) = proof else {
                    drop(creating);
                    self.give_back();
                    self.report_unrecorded(Operation::Create, NOT_KEPT).await?;
                    return Ok(None);
                };
                self.facts.record = Some(record.clone());
                let written = Box::new(record.clone());
                let id: Box<str> = attempt.id.as_str().into();
                self.memory(|memory| {
                    memory.record = Some(written);
                    memory.attempt_seen = Some((id.clone(), planned.here));
                    memory.posting = true;
                    memory.posted = Some(id);
                });
                Ok(Some((record, attempt, proof, creating)))
            }
            Err(error) => {
                drop(creating); // who reads afresh may wait for a worker slot
                let refusal = self.refusal(&version, error).await;
                if !matches!(refusal, Ok(None)) {
                    self.give_back();
                }
                if let Some(why) = refusal? {
                    self.report_unrecorded(Operation::Create, why).await?;
                }
                Ok(None)
            }
        }
    }

    /// The status that the reply leads to, and when to go on.
    async fn resolve_reply(
        &mut self,
        account: &Arc<SharedAccount>,
        desired: &Desired,
        attempt: &Attempt,
        reply: Result<Answer<Option<Row>>, Failure>,
    ) -> (Status, RoundEnd) {
        let failure = match reply {
            Ok(answer) => {
                let receipt = receipt(&answer);
                let row = match answer.value {
                    Some(row) => Some((row, None)),
                    None => self.find(account, desired).await,
                };
                self.note_written(account);
                if let Some((row, author)) = row {
                    self.note_made(account, &row.id);
                    let attempt = author.as_ref().unwrap_or(attempt);
                    let status =
                        outcome::after_create(&self.facts, desired, attempt, &row, receipt);
                    return (status, RoundEnd::Again);
                }
                created_without_id(receipt)
            }
            Err(failure) => failure,
        };
        let now = self.to_cloud_time(Instant::now());
        if failure.may_have_changed() {
            self.context.metrics.api_outcome_unknown();
        }
        let (status, again) = outcome::after_failure(&self.facts, &failure, advice(&failure), now);
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
            RoundEnd::Again
        } else {
            RoundEnd::After(wait)
        };
        (status, next)
    }

    /// The cloud took the create and named no id, as its first contract has it: one look finds it, or what an earlier attempt made.
    async fn find(
        &mut self,
        account: &Arc<SharedAccount>,
        desired: &Desired,
    ) -> Option<(Row, Option<Attempt>)> {
        let budget = self.budget();
        if !budget.spend(1) {
            return None;
        }
        let ask = LookRequest {
            place: desired.place.clone(),
            not_before: Instant::now(),
            proof: Proof::Presence,
            lane: Lane::Urgent,
            namespace: self.facts.object.namespace.clone(),
            budget,
        };
        // The outcome is known: to wait longer for its id than for an answer would keep an edit, a delete or an uninstall waiting.
        let look = timeout(REPORTED_WAIT, account.looks().look(ask));
        let seen = self.slot.wait_without_slot(look).await.ok()?.ok()?;
        let ids = seen.rows.iter().map(|row| row.id.as_str());
        let (context, uid) = (self.context, &self.facts.object.uid);
        self.facts.claimed_elsewhere = context.index.held_by_others(uid, ids);
        let rows = self.keep_living(account, seen.rows);
        self.facts.observed =
            Observed::seen(self.to_cloud_time(seen.begun), rows, seen.proves_absence);
        // A recorded callback that was thought gone says nothing of the create: the list may be behind, and what it made is still to be seen.
        let row = self.facts.own_row();
        let row = row.filter(|row| !self.facts.is_recorded(row))?;
        let record = self.facts.record.as_ref();
        let made = record.and_then(|record| self.facts.attempt_that_made(record, row));
        Some((row.clone(), made))
    }
}

/// A 2xx that names no id, and no look found it yet.
fn created_without_id(receipt: Receipt) -> Failure {
    let message = "the cloud took the create without naming an id, and no look has shown it yet";
    Failure {
        http_status: receipt.http_status,
        request_id: receipt.request_id,
        ..Failure::new(Operation::Create, Class::Protocol, message)
    }
}
