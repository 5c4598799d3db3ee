//! One round of one object's reconcile: its facts, its worker slot, and how it waits. Decides nothing; what each step does is in `steps`,
//! `questions`, `create`, `update_delete` and `status_writer`, how it comes to a call in `call_waits`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::cluster::error::ClusterError;
use crate::controller::account::SharedAccount;
use crate::controller::context::Context;
use crate::controller::gather;
use crate::controller::memory::ObjectMemory;
use crate::controller::worker_slots::WorkerSlot;
use crate::declared::parse;
use crate::live::sign_key::SignKey;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{earlier, later};
use crate::plan::facts::{Desired, Facts, GetResult, Observed};
use crate::plan::step::decide;
use crate::plan::step::preconditions;
use crate::platform::account::AccountKey;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::Lane;
use crate::platform::transport::Deadline;
use crate::stop::Stop;

/// Beside the request timeout, how long a change may take from its plan to its end.
const MARGIN: Duration = Duration::from_secs(2);

/// When a change was planned: of both clocks the one counts by which more has passed since. The cloud's may be corrected meanwhile, this
/// machine's stands still while it sleeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedAt {
    pub(super) cloud: Timestamp,
    pub(super) here: Instant,
}

/// One reconcile under way, of an object that is there, or, by another `Presence`, for one that is gone.
pub(super) struct Reconciliation<'a, P = ObjectThere> {
    pub(super) context: &'a Context,
    pub(super) object: Arc<RecordingCallback>,
    pub(super) facts: Facts,
    pub(super) account: Option<Arc<SharedAccount>>,
    pub(super) sign_key: Option<Arc<SignKey>>,
    pub(super) slot: WorkerSlot<'a>,
    /// When the failure that is told now is over exactly: the status tells whole seconds.
    pub(super) again: Option<Timestamp>,
    /// By whom what it began with as news was seen at the cloud.
    seen_by: Option<AccountKey>,
    /// The place was looked at.
    pub(super) has_looked: bool,
    /// The attempt after whose closing it was.
    pub(super) rechecked: Option<Box<str>>,
    /// It ended before anything was made of what was seen.
    pub(super) is_interrupted: bool,
    /// A change was sent, or a status written.
    pub(super) has_acted: bool,
    /// The id of what its create made: by the time that this is asked the object may be gone and forgotten.
    pub(super) made: Option<String>,
    /// The version that the watch had brought when it began.
    brought: Option<u64>,
    /// When the facts' `now` was, by the monotonic clock.
    started: Instant,
    changed: std::pin::Pin<Box<OwnedNotified>>,
    presence: PhantomData<P>,
}

/// How a reconcile goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoundEnd {
    /// At once, with everything read anew.
    Again,
    /// After a while, or when something changes.
    After(Duration),
    /// When something changes.
    OnChange,
}

/// The object changed while its reconcile waited.
pub(super) struct ObjectChanged;

/// Whether the object is there that is worked for. What writes its status exists for `ObjectThere` alone.
pub(super) trait Presence: Sized {
    /// Tells that it waits. `false` when the object is not as it was planned on.
    async fn tell_wait(
        reconciliation: &mut Reconciliation<'_, Self>,
        status: Status,
    ) -> Result<bool, ClusterError>;

    /// Waits until nothing new is to begin for it any more.
    async fn is_left(stop: &Stop);
}

/// It is there: its status tells what it waits for, and when the process is to end it is left to the next one.
pub(super) enum ObjectThere {}

/// It is gone, so that nothing can be told by it, and nobody after this process knows what it left: that is worked on as long as the process
/// lasts.
pub(super) enum ObjectGone {}

impl Presence for ObjectThere {
    async fn tell_wait(
        reconciliation: &mut Reconciliation<'_>,
        status: Status,
    ) -> Result<bool, ClusterError> {
        reconciliation.write(status).await
    }

    async fn is_left(stop: &Stop) {
        stop.requested().await;
    }
}

impl Presence for ObjectGone {
    async fn tell_wait(_: &mut Reconciliation<'_, Self>, _: Status) -> Result<bool, ClusterError> {
        Ok(true)
    }

    async fn is_left(_: &Stop) {
        std::future::pending::<()>().await;
    }
}

impl<'a, P: Presence> Reconciliation<'a, P> {
    /// Begins with what is known without asking anybody.
    pub(super) fn new(
        context: &'a Context,
        object: Arc<RecordingCallback>,
        slot: WorkerSlot<'a>,
    ) -> Self {
        let uid = parse::uid(&object);
        let brought = context.brought(&object);
        let changed = Box::pin(context.memories.changes(&uid).notified_owned());
        let account = context.memories.with(&uid, |memory| memory.account.clone());
        let now = match &account {
            Some(account) => context.clock.now(&account.target().endpoint),
            None => context.clock.local(),
        };
        let (mut facts, seen_by) = gather::gather_facts(context, &object, now);
        if let Some(home) = preconditions::recorded_target(&facts)
            .or_else(|| Some(account.as_ref()?.target().clone()))
        {
            facts.deleted = context.deleted.among(&home, gather::ids_at_hand(&facts));
        }
        let is_deleted = |row: &Row| facts.deleted.contains(&row.id);
        if facts.observed.rows().iter().any(is_deleted) {
            // A sweep saw it before it was deleted.
            (facts.observed, facts.get_result) = (Observed::Unasked, GetResult::Unasked);
        }
        Self {
            context,
            object,
            facts,
            account,
            sign_key: None,
            slot,
            again: None,
            seen_by,
            has_looked: false,
            rechecked: None,
            is_interrupted: false,
            has_acted: false,
            made: None,
            brought,
            started: Instant::now(),
            changed,
            presence: PhantomData,
        }
    }

    /// What is news counts for the account by which it was seen. Another one, which may be at another cloud, is asked itself.
    pub(super) fn keep_news_of(&mut self, account: &SharedAccount) {
        let key = account.identity_account().key();
        if self.seen_by.take().is_some_and(|seen_by| seen_by != *key) {
            let facts = &mut self.facts;
            (facts.observed, facts.get_result) = (Observed::Unasked, GetResult::Unasked);
            (facts.not_found, facts.look_due) = (None, true);
        }
    }

    /// Reads or notes what this process knows of the object.
    pub(super) fn memory<T>(&self, act: impl FnOnce(&mut ObjectMemory) -> T) -> T {
        self.context.memories.with(&self.facts.object.uid, act)
    }

    /// The version that the watch has brought, unless it has brought another since this began.
    pub(super) fn brought_still(&self) -> Option<u64> {
        let now = self.context.brought(&self.object);
        self.brought.filter(|brought| now == Some(*brought))
    }

    /// This account has seen the place, or written there.
    pub(super) fn note_seen_by(&mut self, account: &SharedAccount) {
        let key = account.identity_account().key().clone();
        self.facts.account_has_seen = true;
        self.memory(|memory| memory.seen_by = Some(key));
    }

    /// A change was sent, or could not be, with what the Secrets said when this round began. Whatever becomes of it, and of its status, the
    /// same is no reason to send it again at once.
    pub(super) fn note_sent(&mut self) {
        self.has_acted = true;
        // The wait was for this call: the next one waits for its own backoff.
        self.facts.queued = false;
        self.memory(|memory| {
            memory.decided = memory.deciding;
        });
    }

    /// This callback came of a create of this process: it is ours from now on, whatever anybody writes into statuses, and there, whatever
    /// had its id before.
    pub(super) fn note_made(&mut self, account: &SharedAccount, id: &str) {
        self.made = Some(id.to_owned());
        self.context.deleted.forget(account.target(), id);
        self.facts.deleted.remove(id);
        self.memory(|memory| memory.made = Some(id.into()));
    }

    /// A callback was deleted through this account, or is gone there.
    pub(super) fn note_deleted(&mut self, account: &SharedAccount, id: &str) {
        let created = self.facts.created_before(id);
        self.context.deleted.add(account.target(), id, created);
        self.facts.deleted.insert(id.to_owned());
        self.facts.observed = Observed::Unasked;
    }

    /// Those of the rows that a look showed which do not count as absent.
    pub(super) fn keep_living(&mut self, account: &SharedAccount, rows: Vec<Row>) -> Vec<Row> {
        let living = self.context.deleted.without_deleted(account.target(), rows);
        for row in &living {
            self.facts.deleted.remove(&row.id);
        }
        living
    }

    /// The cloud took what this round sends, key and all.
    pub(super) fn note_written(&mut self, account: &SharedAccount) {
        self.note_seen_by(account);
        self.facts.key_in_doubt = false;
        self.memory(|memory| memory.key_in_doubt = Some(false));
    }

    /// Now, as a change is planned.
    pub(super) fn planned_now(&self, account: &SharedAccount) -> PlannedAt {
        PlannedAt {
            cloud: self.context.clock.now(&account.target().endpoint),
            here: Instant::now(),
        }
    }

    /// Until when a change may be handed over and waited for, from the moment that it was planned at.
    pub(super) fn deadline(&self, account: &SharedAccount, planned: PlannedAt) -> Deadline {
        let limit = MARGIN + self.context.request_timeout;
        let now = self.planned_now(account);
        let passed = now.cloud.duration_since(planned.cloud);
        let passed = Duration::try_from(passed).unwrap_or_default();
        let passed = passed.max(now.here.duration_since(planned.here));
        self.context.deadline(limit.saturating_sub(passed))
    }

    /// What calls beyond those that were taken from the allowance are paid from.
    pub(super) fn budget(&self) -> CallBudget {
        self.context.memories.budget(&self.facts.object.uid)
    }

    /// What a change at the cloud takes: credentials that can be used, and a valid spec.
    pub(super) fn account_and_spec(&self) -> Option<(Arc<SharedAccount>, Desired)> {
        Some((self.account.clone()?, self.facts.desired.clone().ok()?))
    }

    /// The right to claim this place. `None` when another object of this process did so just now, through whatever address: that was waited
    /// for.
    pub(super) async fn claim(
        &mut self,
        account: &SharedAccount,
        place: &Place,
    ) -> Option<OwnedMutexGuard<()>> {
        let (places, target) = (&self.context.places, account.target());
        let claim = places.try_claim(target, place);
        if claim.is_none() {
            let _ = self.wait(places.until_unclaimed(target, place)).await;
        }
        claim
    }

    /// Waits until no other object of this process creates or adopts at this place through this address, and holds the others back.
    pub(super) async fn lock_place(
        &mut self,
        account: &SharedAccount,
        place: &Place,
    ) -> Result<OwnedMutexGuard<()>, ObjectChanged> {
        let context = self.context;
        self.wait(context.places.lock(account.target(), place))
            .await
    }

    /// Waits without a worker slot, and not longer than until the object changes or nothing new is to begin for it any more.
    pub(super) async fn wait<T>(
        &mut self,
        future: impl Future<Output = T>,
    ) -> Result<T, ObjectChanged> {
        let (changed, stop) = (self.changed.as_mut(), &self.context.stop);
        let waited = self
            .slot
            .wait_without_slot(async {
                tokio::select! {
                    biased;
                    value = future => Ok(value),
                    () = changed => Err(ObjectChanged),
                    () = P::is_left(stop) => Err(ObjectChanged),
                }
            })
            .await;
        self.is_interrupted |= waited.is_err();
        waited
    }

    /// Waits for a call that is under way and is not given up. `Err` each time that the object changes meanwhile, and then without a slot:
    /// while that is waited for the call would not go on.
    pub(super) async fn wait_or_changed<T>(
        &mut self,
        call: std::pin::Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, ObjectChanged> {
        let changed = self.changed.as_mut();
        let waited = self.slot.leave_for(async {
            tokio::select! {
                biased;
                value = call => Ok(value),
                () = changed => Err(ObjectChanged),
            }
        });
        let waited = waited.await;
        if waited.is_ok() {
            self.slot.come_back().await;
        } else {
            let notify = self.context.memories.changes(&self.facts.object.uid);
            self.changed = Box::pin(notify.notified_owned());
        }
        waited
    }

    /// The lane of this object's calls.
    pub(super) fn lane(&self) -> Lane {
        decide::lane(&self.facts)
    }

    /// When a wait that begins now is over, in cloud time: the round may have begun long ago.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        later(self.to_cloud_time(Instant::now()), wait)
    }

    /// A moment of the monotonic clock in cloud time.
    pub(super) fn to_cloud_time(&self, instant: Instant) -> Timestamp {
        if let Some(after) = instant.checked_duration_since(self.started) {
            return later(self.facts.now, after);
        }
        earlier(self.facts.now, self.started.duration_since(instant))
    }

    /// A moment of cloud time by the monotonic clock; one before this machine started is its start.
    pub(super) fn to_instant(&self, moment: Timestamp) -> Instant {
        let after = moment.duration_since(self.facts.now);
        if after.is_negative() {
            self.started
                .checked_sub(after.unsigned_abs())
                .unwrap_or(self.started)
        } else {
            self.started + after.unsigned_abs()
        }
    }
}
