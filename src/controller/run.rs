//! One reconcile of one object: its facts, and how they are filled.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedMutexGuard;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::access::Entry;
use super::account::Account;
use super::allowance::Call;
use super::context::{Context, Turn};
use super::memory::Memory;
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdState;
use crate::cluster::error::Error;
use crate::declared::parse;
use crate::live::looks::Ask;
use crate::live::quota::{Lane, Token};
use crate::live::sign_key::SignKey;
use crate::plan::conditions;
use crate::plan::decide;
use crate::plan::facts::{Access, Definition, Desired, Facts, Observed};
use crate::plan::place::Place;
use crate::plan::reason::Reason;
use crate::plan::step::Look;
use crate::plan::time::{earlier, later, shifted};
use crate::plan::{gate, ledger, outcome, settled};

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
    /// It ended before anything was made of what was seen.
    pub(super) is_interrupted: bool,
    /// When the facts' `now` was, by the monotonic clock.
    started: Instant,
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
        let mut facts = facts(context, &object, now);
        if let Some(home) = gate::home(&facts).or_else(|| Some(account.as_ref()?.target().clone()))
        {
            facts.deleted = context.deleted.ids(&home);
        }
        Self {
            context,
            object,
            facts,
            account,
            sign_key: None,
            turn,
            is_interrupted: false,
            started: Instant::now(),
            changed,
        }
    }

    /// Reads credentials and sign key, from the cache where that is young enough and nobody asked for a look.
    pub(super) async fn access(&mut self) -> Result<Option<Next>, Error> {
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
            let key = account.login().key();
            self.facts.account_has_seen = self.context.memories.with(uid, |memory| {
                memory.account = Some(Arc::clone(account));
                memory.seen_by.as_ref() == Some(key)
            });
            self.facts
                .deleted
                .extend(self.context.deleted.ids(account.target()));
        }
        self.find_rival();
    }

    /// This account has seen the place, or written there.
    pub(super) fn note_seen_by(&mut self, account: &Account) {
        let key = account.login().key().clone();
        self.facts.account_has_seen = true;
        self.context
            .memories
            .with(&self.facts.object.uid, |memory| memory.seen_by = Some(key));
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
    pub(super) async fn look_at_place(&mut self, look: Look) -> Result<Option<Next>, Error> {
        let Some(account) = self.account.clone() else {
            return Ok(Some(Next::Again));
        };
        if self.within_allowance(Call::Question).await?.is_err() {
            return Ok(Some(Next::Again));
        }
        let lane = self.lane();
        let wait = account
            .bucket()
            .estimate(lane, &self.facts.object.namespace);
        self.tell_wait(wait).await?;
        let ask = Ask {
            place: parse::place(&self.object.spec),
            not_before: self.instant(look.not_before),
            proof: look.proof,
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
                    .with(&self.facts.object.uid, |memory| {
                        memory.look_at = None;
                        memory.blind = None;
                        memory.failed_sweeps = 0;
                    });
                // Absence is proven by the date of the look's own answer: our clock may be wrong and not know it yet.
                let told = seen.dated.map(|dated| later(dated, seen.begun.elapsed()));
                self.rebase(&account, told);
                let begun = self.moment(seen.begun);
                let ids = seen.rows.iter().map(|row| row.id.as_str());
                let ids = ids.chain(self.facts.id());
                let uid = self.facts.object.uid.clone();
                self.facts.claimed_elsewhere = self.context.index.held_by_others(&uid, ids);
                self.facts.observed = Observed::seen(begun, seen.rows, seen.proves_absence);
                self.note_recheck();
                self.context.index.looked(&uid, account.target());
                self.note_seen_by(&account);
                self.find_rival();
            }
            Err(failure) => {
                self.rebase(&account, None);
                self.context.index.look_failed(&self.facts.object.uid);
                self.facts.observed = Observed::Unknown(failure);
            }
        }
        Ok(None)
    }

    /// An answer may have shown that the cloud's clock is another than was thought, if only for this round: what was measured here
    /// moves along. Of the clock in use and the date of the answer (`told`, brought up to now) the earlier counts: nothing is
    /// over too early then.
    fn rebase(&mut self, account: &Account, told: Option<Timestamp>) {
        let now = self.context.clock.now(&account.target().endpoint);
        let now = told.map_or(now, |told| told.min(now));
        let by = now.duration_since(self.moment(Instant::now()));
        if by.abs() < SignedDuration::from_secs(1) {
            return;
        }
        let facts = &mut self.facts;
        facts.now = shifted(facts.now, by);
        facts.record_seen = shifted(facts.record_seen, by);
        facts.next_attempt = facts.next_attempt.map(|next| shifted(next, by));
        facts.rewrites.repaired = facts.rewrites.repaired.map(|at| shifted(at, by));
    }

    /// A look after the closing of a record with several attempts need not be made twice.
    fn note_recheck(&mut self) {
        let due = settled::recheck_at(&self.facts);
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
    pub(super) async fn get_recorded(&mut self) -> Result<Option<Next>, Error> {
        let (Some(account), Some(id)) = (self.account.clone(), self.facts.id().map(str::to_owned))
        else {
            return Ok(Some(Next::Again));
        };
        let Ok(token) = self.token(&account, Call::Question).await? else {
            return Ok(Some(Next::Again));
        };
        self.facts.shown = self.turn.pause(account.show(token, &id)).await;
        Ok(None)
    }

    /// Reads the CRD.
    pub(super) async fn read_crd(&mut self) {
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
        call: Call,
    ) -> Result<Result<Token, Changed>, Error> {
        if let Err(changed) = self.within_allowance(call).await? {
            return Ok(Err(changed));
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        self.tell_wait(account.bucket().estimate(lane, &namespace))
            .await?;
        Ok(self.wait(account.bucket().acquire(lane, &namespace)).await)
    }

    /// Takes a call from the object's allowance. Where there is none, that is told, and waited for; then all is planned anew.
    pub(super) async fn within_allowance(
        &mut self,
        call: Call,
    ) -> Result<Result<(), Changed>, Error> {
        let uid = self.facts.object.uid.clone();
        let taken = self
            .context
            .memories
            .with(&uid, |memory| memory.allowance.take(call));
        let Err(wait) = taken else { return Ok(Ok(())) };
        let status = outcome::exhausted(&self.facts, later(self.facts.now, wait));
        self.write(status).await?;
        let _ = self.wait(tokio::time::sleep(wait)).await;
        self.is_interrupted = true;
        Ok(Err(Changed))
    }

    /// Says once per wait that the object waits for its turn.
    pub(super) async fn tell_wait(&mut self, wait: Duration) -> Result<(), Error> {
        if wait <= TOLD_WAIT {
            return Ok(());
        }
        let status = &self.facts.status;
        let is_told = conditions::has_reason(status, Reason::RateLimited);
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
        self.is_interrupted |= waited.is_err();
        waited
    }

    /// Waits for a call that is under way and is not given up. `Err` each time that the object changes meanwhile.
    pub(super) async fn or_changed<T>(
        &mut self,
        call: std::pin::Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Changed> {
        let changed = self.changed.as_mut();
        let waited = self
            .turn
            .pause(async {
                tokio::select! {
                    biased;
                    value = call => Ok(value),
                    () = changed => Err(Changed),
                }
            })
            .await;
        if waited.is_err() {
            let changes = self.context.memories.changes(&self.facts.object.uid);
            self.changed = Box::pin(changes.notified_owned());
        }
        waited
    }

    /// The lane of this object's calls.
    pub(super) fn lane(&self) -> Lane {
        decide::lane(&self.facts)
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
    pub(super) fn instant(&self, moment: Timestamp) -> Instant {
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
    context.memories.with(&uid, |memory| {
        overlay(memory, &mut facts);
        if let Some(record) = &facts.record {
            memory.record = Some(record.clone());
        } else {
            facts.record.clone_from(&memory.record);
        }
        if let Some(newest) = facts.record.as_ref().and_then(|record| record.newest()) {
            let seen = match &memory.attempt_seen {
                Some((id, seen)) if *id == newest.id => *seen,
                Some(_) | None => Instant::now(),
            };
            memory.attempt_seen = Some((newest.id.clone(), seen));
            facts.record_seen = earlier(now, seen.elapsed());
            facts.rechecked = memory.rechecked.as_ref() == Some(&newest.id);
        }
        facts.last_write = facts.last_write.map(|told| memory.last_write(told, now));
        facts.next_attempt = facts
            .next_attempt
            .map(|announced| memory.next_attempt(announced, now));
        facts.look_due = memory.look_at.is_some_and(|at| at <= Instant::now());
        facts.rewrites = memory.rewrites(now);
        facts.blind.clone_from(&memory.blind);
        if let Some(news) = memory.news.clone() {
            facts.observed = news.observed;
            facts.shown = news.shown;
            facts.denied = news.denied;
        }
        facts.baseline = memory.baseline(ledger::last_write(&facts.status));
        memory.allowance.renew_for(facts.object.generation);
    });
    let held = facts.status.callback_id.iter().map(String::as_str);
    facts.claimed_elsewhere = context.index.held_by_others(&uid, held);
    facts
}

/// What happened counts although the API server did not take it yet, as long as the object's status is as it was.
fn overlay(memory: &mut Memory, facts: &mut Facts) {
    let unwritten = memory.unwritten.take();
    let Some(unwritten) = unwritten.filter(|it| it.planned_on == facts.status) else {
        return;
    };
    facts.status = unwritten.status.clone();
    facts.last_write = ledger::last_write(&facts.status);
    facts.next_attempt = facts.status.next_attempt_time;
    memory.unwritten = Some(unwritten);
}
