//! How the questions of a decision are answered: each fills a part of the facts. None changes anything at the cloud.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::account::SharedAccount;
use super::allowance::CallPurpose;
use super::gather;
use crate::cluster::crd_check::CrdState;
use crate::cluster::error::ClusterError;
use crate::controller::account_registry::AccountLookup;
use crate::controller::reconciliation::{ObjectChanged, Presence, Reconciliation, RoundEnd};
use crate::declared::parse;
use crate::live::looks::{LookRequest, LookResult, Proof};
use crate::login::secret;
use crate::plan::facts::operation_log;
use crate::plan::facts::place::Place;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{CloudAccess, CrdPresence, GetResult, Observed, OtherOwner, SignKeyState};
use crate::plan::outcome;
use crate::plan::step::Look;
use crate::plan::step::{preconditions, settled};
use crate::terms::failure::Failure;
use crate::terms::target::Target;

/// So many reads of a Secret that fail in a row are more than a passing trouble.
const FAILED_READS: u32 = 3;

impl Reconciliation<'_> {
    /// Reads credentials and sign key, from the cache where that is young enough and nobody asked for a look.
    pub(super) async fn read_secrets(&mut self) -> Result<Option<RoundEnd>, ClusterError> {
        let (context, object) = (self.context, Arc::clone(&self.object));
        // Neither a DELETE nor a look sends one: that its Secret can't be read must not hold them up. What is suspended is asked whether
        // its key is the one that was sent.
        let is_going = self.facts.object.deleting;
        let is_suspended = self.facts.policies.suspend && !is_going;
        let needs_key = is_suspended || !is_going && !self.facts.only_observes();
        if self.facts.unanswered().is_some() {
            let refreshed = self
                .wait(context.accounts.refresh(&object, needs_key))
                .await;
            match refreshed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.without_secrets(error).await,
                Err(ObjectChanged) => return Ok(Some(RoundEnd::Again)),
            }
        }
        let Ok(read) = self.wait(context.accounts.read(&object, needs_key)).await else {
            return Ok(Some(RoundEnd::Again));
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => return self.without_secrets(error).await,
        };
        self.memory(|memory| memory.failed_reads = 0);
        // What was not known when the round began is compared now: a round that ends well has decided on it.
        self.compare(Some(read.inputs));
        if is_suspended {
            // Only the key was asked for: a login may take calls.
            return Ok(None);
        }
        let Ok(entry) = self
            .wait(context.accounts.identify(&object, read.login))
            .await
        else {
            return Ok(Some(RoundEnd::Again));
        };
        self.sign_key = read.sign_key;
        self.use_account(entry);
        Ok(None)
    }

    /// The API server does not say what is in a Secret, and is asked again soon. Where that lasts it is told of an object of which nothing
    /// is told yet, and a delete goes on by the last good credentials.
    async fn without_secrets(
        &mut self,
        error: ClusterError,
    ) -> Result<Option<RoundEnd>, ClusterError> {
        let is_going = self.facts.object.deleting;
        if self.facts.policies.suspend && !is_going {
            // That it is suspended is told all the same; whether as it was is not known.
            self.facts.key = SignKeyState::Missing(error.to_string());
            return Ok(None);
        }
        let failed = self.memory(|memory| {
            memory.failed_reads = memory.failed_reads.saturating_add(1);
            memory.failed_reads
        });
        let is_untold = is_going || self.facts.is_new_generation();
        if failed < FAILED_READS || !is_untold {
            return Err(error);
        }
        let uid = &self.facts.object.uid;
        let last_good = self.context.memories.account(uid);
        if let Some(account) = last_good.filter(|_| is_going) {
            self.use_account(AccountLookup::of(account, uid));
            return Ok(None);
        }
        let names = secret::uses(&self.object).into_keys();
        let names: Vec<String> = names.map(|(_, name)| name).collect();
        let rest = preconditions::unread_secrets(&self.facts, &names, &error.to_string());
        self.write(outcome::after_requeue(&self.facts, &rest))
            .await?;
        Err(error)
    }

    fn use_account(&mut self, entry: AccountLookup) {
        let uid = &self.facts.object.uid;
        let serves = entry.account.is_some() || !self.facts.object.deleting;
        let last_good = self.context.memories.account(uid);
        let entry = match last_good.filter(|_| !serves) {
            Some(account) => AccountLookup::of(account, uid),
            None => entry,
        };
        self.facts.access = entry.access;
        self.facts.credential = entry.digest;
        self.account = entry.account;
        if let Some(account) = self.account.clone() {
            self.keep_news_of(&account);
            let key = account.identity_account().key();
            self.facts.account_has_seen = self.memory(|memory| {
                memory.account = Some(Arc::clone(&account));
                memory.seen_by.as_ref() == Some(key)
            });
            let ids = gather::ids_at_hand(&self.facts);
            let deleted = self.context.deleted.among(account.target(), ids);
            self.facts.deleted.extend(deleted);
        }
        self.find_rival();
    }
}

impl<P: Presence> Reconciliation<'_, P> {
    /// Who else wants this place.
    fn find_rival(&mut self) {
        let CloudAccess::Usable(target) = &self.facts.access else {
            return;
        };
        let place = parse::place(&self.object.spec);
        self.facts.other_owner = self.other_owner(target, &place);
    }

    /// The object that owns this place there, as of now, if that is another.
    pub(super) fn other_owner(&self, target: &Target, place: &Place) -> Option<OtherOwner> {
        let uid = &self.facts.object.uid;
        let index = &self.context.index;
        index.owner_elsewhere(uid, place, target, self.facts.sight())
    }

    pub(super) async fn look_at_place(
        &mut self,
        look: Look,
    ) -> Result<Option<RoundEnd>, ClusterError> {
        let Some(account) = self.account.clone() else {
            return Ok(Some(RoundEnd::Again));
        };
        let (place, not_before) = (
            parse::place(&self.object.spec),
            self.to_instant(look.not_before),
        );
        let known = account.looks().known(&place, not_before, look.proof);
        let answer = match known {
            Some(seen) => Ok(seen),
            None => match self.ask(&account, place, not_before, look.proof).await? {
                Ok(answer) => answer,
                Err(ObjectChanged) => return Ok(Some(RoundEnd::Again)),
            },
        };
        match answer {
            Ok(seen) => {
                self.memory(|memory| {
                    memory.sweep_failure = None;
                    memory.failed_sweeps = 0;
                });
                // Absence is proven by the date of the look's own answer: our clock may be wrong and not know it yet.
                let dated = seen.dated.map(|dated| later(dated, seen.begun.elapsed()));
                self.rebase_clock(&account, dated);
                let begun = self.to_cloud_time(seen.begun);
                let ids = seen.rows.iter().map(|row| row.id.as_str());
                let ids = ids.chain(self.facts.id());
                let uid = self.facts.object.uid.clone();
                self.facts.claimed_elsewhere = self.context.index.held_by_others(&uid, ids);
                let rows = self.keep_living(&account, seen.rows);
                self.facts.observed = Observed::seen(begun, rows, seen.proves_absence);
                self.has_looked = true;
                self.note_recheck();
                self.context.index.note_look(&uid, account.target());
                self.note_seen_by(&account);
                self.find_rival();
            }
            Err(failure) => {
                self.rebase_clock(&account, None);
                self.context.index.note_failed_look(&self.facts.object.uid);
                self.facts.observed = Observed::Unknown(failure);
            }
        }
        Ok(None)
    }

    /// Looks at a place of which too little is known: that takes a call.
    async fn ask(
        &mut self,
        account: &Arc<SharedAccount>,
        place: Place,
        not_before: Instant,
        proof: Proof,
    ) -> Result<Result<Result<LookResult, Failure>, ObjectChanged>, ClusterError> {
        if let Err(changed) = self.within_allowance(CallPurpose::Question).await? {
            return Ok(Err(changed));
        }
        let (lane, namespace) = (self.lane(), self.facts.object.namespace.clone());
        let wait = account.bucket().estimate(lane, &namespace);
        if let Err(changed) = self.report_wait(wait).await? {
            return Ok(Err(changed));
        }
        let ask = LookRequest {
            place,
            not_before,
            proof,
            lane,
            namespace,
            budget: self.budget(),
        };
        Ok(self.wait(account.looks().look(ask)).await)
    }

    /// An answer may have shown that the cloud's clock is another than was thought, if only for this round: what was measured here
    /// moves along. Of the clock in use and the date of the answer (`dated`, brought up to now) the earlier counts: nothing is
    /// over too early then.
    fn rebase_clock(&mut self, account: &SharedAccount, dated: Option<Timestamp>) {
        let now = self.context.clock.now(&account.target().endpoint);
        let now = dated.map_or(now, |dated| dated.min(now));
        let by = now.duration_since(self.to_cloud_time(Instant::now()));
        if by.abs() < SignedDuration::from_secs(1) {
            return;
        }
        let facts = &mut self.facts;
        facts.now = shifted(facts.now, by);
        facts.record_first_seen = shifted(facts.record_first_seen, by);
        facts.wrote = facts.wrote.map(|at| shifted(at, by));
        let given_up = &mut facts.lost_update.given_up;
        *given_up = given_up.map(|at| shifted(at, by));
        facts.next_attempt = facts.next_attempt.map(|next| shifted(next, by));
        facts.rewrites.repaired = facts.rewrites.repaired.map(|at| shifted(at, by));
        // What the status states stands by itself; only how late it can have been moves along.
        let stated = operation_log::last_write(&facts.status);
        let now = self.to_cloud_time(Instant::now());
        self.facts.last_write = stated.map(|at| self.memory(|memory| memory.last_write(at, now)));
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
            self.rechecked = Some(newest.id.as_str().into());
            self.facts.rechecked = true;
        }
    }

    /// GETs the recorded id.
    pub(super) async fn get_recorded(&mut self) -> Result<Option<RoundEnd>, ClusterError> {
        let (Some(account), Some(id)) = (self.account.clone(), self.facts.id().map(str::to_owned))
        else {
            return Ok(Some(RoundEnd::Again));
        };
        let Ok(token) = self.token(&account, CallPurpose::Question).await? else {
            return Ok(Some(RoundEnd::Again));
        };
        let Ok(get_result) = self.wait(Box::pin(account.get_by_id(token, &id))).await else {
            return Ok(Some(RoundEnd::Again));
        };
        // What the look lacked is still to be found out.
        if matches!(get_result, GetResult::Unknown(_)) {
            (self.has_looked, self.rechecked) = (false, None);
        }
        self.facts.get_result = get_result;
        self.find_rival();
        Ok(None)
    }

    /// Reads the CRD.
    pub(super) async fn load_crd(&mut self) {
        let state = self.context.crd.read().await;
        self.facts.crd = match &state {
            CrdState::Terminating | CrdState::Missing => CrdPresence::Going,
            CrdState::Unreadable(error) => CrdPresence::Unknown(error.to_string()),
            CrdState::Usable | CrdState::TooOld { .. } | CrdState::NotEstablished { .. } => {
                CrdPresence::Stays
            }
        };
    }
}
