//! How the questions of a decision are answered: each fills a part of the facts. None changes anything at the cloud.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::access::Entry;
use super::account::Account;
use super::allowance::Call;
use super::run::{Next, Run};
use crate::cluster::crd_check::CrdState;
use crate::cluster::error::Error;
use crate::declared::parse;
use crate::live::looks::Ask;
use crate::plan::facts::{Access, Definition, Observed};
use crate::plan::settled;
use crate::plan::step::Look;
use crate::plan::time::{later, shifted};

impl Run<'_> {
    /// Reads credentials and sign key, from the cache where that is young enough and nobody asked for a look.
    pub(super) async fn access(&mut self) -> Result<Option<Next>, Error> {
        let (context, object) = (self.context, Arc::clone(&self.object));
        // Neither a DELETE nor a look sends one: that its Secret can't be read must not hold them up.
        let needs_key = !self.facts.object.deleting && !self.facts.only_looks();
        if self.facts.unanswered().is_some() {
            let refreshed = self
                .wait(context.accesses.refresh(&object, needs_key))
                .await;
            let Ok(refreshed) = refreshed else {
                return Ok(Some(Next::Again));
            };
            refreshed?;
        }
        let Ok(read) = self.wait(context.accesses.read(&object, needs_key)).await else {
            return Ok(Some(Next::Again));
        };
        let read = read?;
        let inputs = Some(read.inputs);
        context
            .memories
            .with(&self.facts.object.uid, |memory| memory.deciding = inputs);
        if self.facts.policies.suspend && !self.facts.object.deleting {
            // Only the key was asked for: a login may take calls.
            self.facts.key = read.key;
            return Ok(None);
        }
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
            purse: self.purse(),
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
                let rows = self.context.deleted.living(account.target(), seen.rows);
                self.facts.observed = Observed::seen(begun, rows, seen.proves_absence);
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
        facts.wrote = facts.wrote.map(|at| shifted(at, by));
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
        let Ok(shown) = self.wait(account.show(token, &id)).await else {
            return Ok(Some(Next::Again));
        };
        self.facts.shown = shown;
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
}
