//! One reconcile of one object: its facts, and how they are filled.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedMutexGuard;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::access::Entry;
use super::account::Account;
use super::context::{Context, Turn};
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdState;
use crate::cluster::error::Error;
use crate::declared::parse;
use crate::live::looks::Ask;
use crate::live::quota::{Lane, Token};
use crate::live::sign_key::SignKey;
use crate::plan::conditions;
use crate::plan::decide::{self, Look, Proof, Urgency};
use crate::plan::facts::{Access, Definition, Desired, Facts, Observed, later};
use crate::plan::outcome;
use crate::plan::place::Place;

/// A wait that is longer is told in the status.
const TOLD_WAIT: Duration = Duration::from_secs(5);

/// One reconcile under way.
pub(super) struct Run<'a> {
    pub(super) context: &'a Context,
    pub(super) object: Arc<RecordingCallback>,
    pub(super) facts: Facts,
    pub(super) account: Option<Arc<Account>>,
    pub(super) sign_key: Option<SignKey>,
    pub(super) turn: Turn<'a>,
    /// When the facts' `now` was, by the monotonic clock.
    started: Instant,
    /// A wait ended before what it was for: the object changed, or the process is to end.
    pub(super) interrupted: bool,
    changed: std::pin::Pin<Box<OwnedNotified>>,
}

/// How a reconcile goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At once, with everything read anew.
    Again,
    /// After a while, or when something changes.
    After(Duration),
    /// When something changes.
    OnChange,
}

/// The object changed while its reconcile waited.
pub(super) struct Changed;

impl<'a> Run<'a> {
    /// Begins with what is known without asking anybody.
    pub(super) fn new(
        context: &'a Context,
        object: Arc<RecordingCallback>,
        turn: Turn<'a>,
    ) -> Self {
        let uid = parse::uid(&object);
        let changed = Box::pin(context.memories.changes(&uid).notified_owned());
        let account = context.memories.with(&uid, |memory| memory.account.clone());
        let now = match &account {
            Some(account) => context.clock.now(&account.target().endpoint),
            None => context.clock.local(),
        };
        let facts = facts(context, &object, now);
        Self {
            context,
            object,
            facts,
            account,
            sign_key: None,
            turn,
            started: Instant::now(),
            interrupted: false,
            changed,
        }
    }

    /// Reads credentials and sign key, from the cache where that is young enough and nobody asked for a look.
    pub(super) async fn read_access(&mut self) -> Result<Option<Next>, Error> {
        let (context, object) = (self.context, Arc::clone(&self.object));
        if self.facts.unanswered().is_some() {
            let refreshed = self.wait(context.accesses.refresh(&object)).await;
            let Ok(refreshed) = refreshed else {
                return Ok(Some(Next::Again));
            };
            refreshed?;
        }
        let Ok(read) = self.wait(context.accesses.read(&object)).await else {
            return Ok(Some(Next::Again));
        };
        let read = read?;
        let inputs = Some(read.inputs);
        context
            .memories
            .with(&self.facts.object.uid, |memory| memory.deciding = inputs);
        let Ok(entry) = self.wait(context.accesses.enter(&object, read.login)).await else {
            return Ok(Some(Next::Again));
        };
        self.facts.key = read.key;
        self.sign_key = read.sign_key;
        self.use_entry(entry);
        Ok(None)
    }

    fn use_entry(&mut self, entry: Entry) {
        let uid = &self.facts.object.uid;
        let last_good = self
            .context
            .memories
            .with(uid, |memory| memory.account.clone());
        self.facts.access = entry.access;
        self.facts.credential = entry.digest;
        self.account = entry.account;
        if self.account.is_none()
            && self.facts.object.deleting
            && let Some(account) = last_good
        {
            self.facts.access = Access::Usable(account.target().clone());
            self.facts.credential = Some(account.digest(uid));
            self.account = Some(account);
        }
        if let Some(account) = &self.account {
            self.context
                .memories
                .with(uid, |memory| memory.account = Some(Arc::clone(account)));
        }
        self.find_rival();
    }

    /// Who else wants this place.
    fn find_rival(&mut self) {
        let Access::Usable(target) = &self.facts.access else {
            return;
        };
        let place = parse::place(&self.object.spec);
        self.facts.rival = self
            .context
            .index
            .rival(&self.facts.object.uid, &place, target);
    }

    /// Looks at the place.
    pub(super) async fn look(&mut self, look: Look) -> Result<Option<Next>, Error> {
        let Some(account) = self.account.clone() else {
            return Ok(Some(Next::Again));
        };
        let lane = self.lane();
        self.tell_wait(
            account
                .bucket()
                .estimate(lane, &self.facts.object.namespace),
        )
        .await?;
        let ask = Ask {
            place: parse::place(&self.object.spec),
            not_before: self.instant(look.not_before),
            proof: match look.proof {
                Proof::Presence => crate::live::looks::Proof::Presence,
                Proof::Absence => crate::live::looks::Proof::Free,
            },
            lane,
            namespace: self.facts.object.namespace.clone(),
        };
        let Ok(answer) = self.wait(account.looks().look(ask)).await else {
            return Ok(Some(Next::Again));
        };
        match answer {
            Ok(seen) => {
                self.context
                    .memories
                    .with(&self.facts.object.uid, |memory| memory.look_at = None);
                let begun = self.moment(seen.begun);
                let ids = seen.rows.iter().map(|row| row.id.as_str());
                let ids = ids.chain(self.facts.id());
                let uid = self.facts.object.uid.clone();
                self.facts.claimed_elsewhere = self.context.index.held_by_others(&uid, ids);
                self.facts.observed = Observed::seen(begun, seen.rows, seen.proves_absence);
                self.note_recheck();
                self.context.index.looked(&uid, account.target());
                self.find_rival();
            }
            Err(failure) => self.facts.observed = Observed::Unknown(failure),
        }
        Ok(None)
    }

    /// A look after the closing of a record with several attempts need not be made twice.
    fn note_recheck(&mut self) {
        let due = crate::plan::manage::recheck_at(&self.facts);
        let newest = self
            .facts
            .record
            .as_ref()
            .and_then(|record| record.newest());
        if let (Some(due), Some(newest)) = (due, newest)
            && self.facts.observed.since(due)
        {
            let (uid, id) = (&self.facts.object.uid, newest.id.clone());
            self.context
                .memories
                .with(uid, |memory| memory.rechecked = Some(id));
            self.facts.rechecked = true;
        }
    }

    /// GETs the recorded id.
    pub(super) async fn show(&mut self) -> Result<Option<Next>, Error> {
        let (Some(account), Some(id)) = (self.account.clone(), self.facts.id().map(str::to_owned))
        else {
            return Ok(Some(Next::Again));
        };
        let Ok(token) = self.token(&account).await? else {
            return Ok(Some(Next::Again));
        };
        self.facts.shown = self.turn.pause(account.show(token, &id)).await;
        Ok(None)
    }

    /// Reads the CRD.
    pub(super) async fn read_definition(&mut self) {
        let state = self.context.crd.read().await;
        self.facts.definition = match &state {
            CrdState::Terminating | CrdState::Missing => Definition::Going,
            CrdState::Unreadable(error) => Definition::Unknown(error.to_string()),
            CrdState::Usable | CrdState::TooOld { .. } | CrdState::NotEstablished { .. } => {
                Definition::Stays
            }
        };
    }

    /// Waits for the right to make one call; a long wait is told first.
    pub(super) async fn token(
        &mut self,
        account: &Arc<Account>,
    ) -> Result<Result<Token, Changed>, Error> {
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        self.tell_wait(account.bucket().estimate(lane, &namespace))
            .await?;
        Ok(self.wait(account.bucket().acquire(lane, &namespace)).await)
    }

    /// Says once per wait that the object waits for its turn.
    pub(super) async fn tell_wait(&mut self, wait: Duration) -> Result<(), Error> {
        if wait <= TOLD_WAIT {
            return Ok(());
        }
        let status = &self.facts.status;
        let is_told = conditions::ready(status).is_some_and(|ready| ready.reason == "RateLimited");
        let is_throttled = status.failures.is_some_and(|failures| failures > 0);
        let holds = status
            .next_attempt_time
            .is_some_and(|next| next > self.facts.now);
        let told = is_told && (self.facts.queued || !is_throttled || holds);
        self.facts.queued = true;
        if !told {
            let status = outcome::queued(&self.facts, later(self.facts.now, wait));
            self.write(status).await?;
        }
        Ok(())
    }

    /// What a change at the cloud takes: credentials that can be used, and a valid spec.
    pub(super) fn means(&self) -> Option<(Arc<Account>, Desired)> {
        Some((self.account.clone()?, self.facts.desired.clone().ok()?))
    }

    /// Waits until no other object of this process creates or adopts at this place, and holds the others back.
    pub(super) async fn alone(
        &mut self,
        account: &Account,
        place: &Place,
    ) -> Result<OwnedMutexGuard<()>, Changed> {
        let context = self.context;
        self.wait(context.places.lock(account.target(), place))
            .await
    }

    /// Waits without a worker's place, and not longer than until the object changes or the process is to end.
    pub(super) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Changed> {
        let (changed, stop) = (self.changed.as_mut(), &self.context.stop);
        let waited = self
            .turn
            .pause(async {
                tokio::select! {
                    biased;
                    value = future => Ok(value),
                    () = changed => Err(Changed),
                    () = stop.requested() => Err(Changed),
                }
            })
            .await;
        self.interrupted |= waited.is_err();
        waited
    }

    /// The lane of this object's calls.
    pub(super) fn lane(&self) -> Lane {
        match decide::urgency(&self.facts) {
            Urgency::Urgent => Lane::Urgent,
            Urgency::Create => Lane::Create,
            Urgency::Background => Lane::Background,
        }
    }

    /// A moment of the monotonic clock in cloud time.
    pub(super) fn moment(&self, instant: Instant) -> Timestamp {
        if let Some(after) = instant.checked_duration_since(self.started) {
            return later(self.facts.now, after);
        }
        let before = SignedDuration::try_from(self.started.duration_since(instant));
        let moment = self.facts.now.checked_sub(before.unwrap_or_default());
        moment.unwrap_or(Timestamp::MIN)
    }

    /// A moment of cloud time by the monotonic clock; one before this machine started is its start.
    fn instant(&self, moment: Timestamp) -> Instant {
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

/// What is known of an object without asking anybody.
fn facts(context: &Context, object: &RecordingCallback, now: Timestamp) -> Facts {
    let uid = parse::uid(object);
    let mut facts = parse::facts(object, context.settings, now);
    let held = facts.status.callback_id.iter().map(String::as_str);
    facts.claimed_elsewhere = context.index.held_by_others(&uid, held);
    context.memories.with(&uid, |memory| {
        match &facts.record {
            Some(record) => memory.record = Some(record.clone()),
            None => facts.record.clone_from(&memory.record),
        }
        if let Some(newest) = facts.record.as_ref().and_then(|record| record.newest()) {
            if memory
                .attempt_seen
                .as_ref()
                .is_none_or(|(id, seen)| *id != newest.id || *seen > now)
            {
                memory.attempt_seen = Some((newest.id.clone(), now));
            }
            facts.record_seen = memory.attempt_seen.as_ref().map_or(now, |(_, at)| *at);
            facts.rechecked = memory.rechecked.as_ref() == Some(&newest.id);
        }
        facts.look_due = memory.look_at.is_some_and(|at| at <= now);
        facts.deleted = memory.deleted(now);
        facts.rewrites = memory.rewrites(now);
        facts.blind.clone_from(&memory.blind);
        if let Some((observed, shown)) = memory.swept.clone() {
            facts.observed = observed;
            facts.shown = shown;
        }
    });
    facts
}
