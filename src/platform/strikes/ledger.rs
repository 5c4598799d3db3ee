//! Who was refused, how often and when. Pure: time comes as an argument.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::platform::credentials::Credential;
use crate::platform::strikes::verdict::CredentialVerdict;

/// So many refusals stop one credential.
const OF_ONE: usize = 2;
/// So many refusals stop all credentials of one principal that have not worked. The cloud locks it after more than 5.
const OF_ALL: usize = 4;
/// How long a refusal counts, and how long a credential is stopped.
const MEMORY: Duration = Duration::from_mins(5);
/// What no account in use has is known for so long after its last call: longer than any wait for the next try. How many are known follows
/// from how many accounts there are, and not from how often their Secrets are written.
const UNUSED: Duration = Duration::from_mins(30);
/// One that settled an object before this process began is known for so long before its first call: every one sweeps at least once a day.
const UNTRIED: Duration = Duration::from_hours(48);
/// After so long it is looked which of them count no more, if others did not give cause to before.
const TIDIED_EVERY: Duration = Duration::from_mins(1);

/// A credential, and the principal whom the cloud locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CredentialId {
    credential: String,
    pub(super) principal: String,
}

impl CredentialId {
    pub(super) fn of(credential: &Credential) -> Self {
        Self {
            credential: credential.digest("strikes"),
            principal: credential.principal(),
        }
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes. A probe is the only call of a credential that has to prove itself.
    Go { probe: bool },
    /// Not before another call has ended.
    Wait,
    /// No.
    Stopped { until: Instant },
}

#[derive(Default)]
pub(super) struct Ledger {
    credentials: HashMap<String, CredentialRecord>,
    principals: HashMap<String, PrincipalRecord>,
    /// From so many on it is looked which of them count: not at each call, when there are thousands.
    tidied_at: usize,
    tidied: Option<Instant>,
}

#[derive(Default)]
struct CredentialRecord {
    /// Accepted, and not stopped since.
    worked: bool,
    /// Settled an object before this process began, and not refused since.
    vouched: bool,
    probing: bool,
    /// Refusals since it was last accepted.
    refusals: usize,
    stopped: Option<Instant>,
    used: Option<Instant>,
    /// How many accounts have it that are in use.
    accounts: usize,
}

#[derive(Default)]
struct PrincipalRecord {
    /// Probes under way of credentials that have not worked: each may become a refusal.
    probes: usize,
    /// Newest last.
    refusals: Vec<Instant>,
}

impl Ledger {
    /// Asks for a call.
    pub(super) fn enter(&mut self, who: &CredentialId, now: Instant) -> Admission {
        self.tidy(now);
        self.forget_old(who, now);
        if let Some(until) = self.stopped(who, now) {
            return Admission::Stopped { until };
        }
        let record = self.credentials.entry(who.credential.clone()).or_default();
        record.used = Some(now);
        let probe = record.must_prove_itself();
        if !probe {
            return Admission::Go { probe };
        }
        let principal = self.principals.entry(who.principal.clone()).or_default();
        let is_full = principal.probes + principal.refusals.len() >= OF_ALL;
        if record.probing || (is_full && !record.stands_alone()) {
            return Admission::Wait;
        }
        record.probing = true;
        principal.probes += 1;
        Admission::Go { probe }
    }

    /// Whether a call that was let in, and waited since, may still be made.
    pub(super) fn holds(&self, who: &CredentialId, probe: bool, now: Instant) -> bool {
        let record = self.credentials.get(&who.credential);
        let must_prove_itself = record.is_none_or(CredentialRecord::must_prove_itself);
        (probe || !must_prove_itself) && self.stopped(who, now).is_none()
    }

    /// A call has ended.
    pub(super) fn leave(
        &mut self,
        who: &CredentialId,
        probe: bool,
        verdict: CredentialVerdict,
        now: Instant,
    ) {
        let record = self.credentials.entry(who.credential.clone()).or_default();
        let principal = self.principals.entry(who.principal.clone()).or_default();
        if probe {
            record.probing = false;
            principal.probes = principal.probes.saturating_sub(1);
        }
        match verdict {
            CredentialVerdict::Unknown => {}
            CredentialVerdict::Accepted => {
                *record = CredentialRecord {
                    worked: true,
                    ..record.unjudged()
                };
            }
            CredentialVerdict::Refused => {
                principal.refusals.push(now);
                record.refusals += 1;
                record.vouched = false;
                if record.refusals >= OF_ONE {
                    *record = CredentialRecord {
                        stopped: Some(now + MEMORY),
                        ..record.unjudged()
                    };
                }
            }
        }
        if principal.is_as_new() {
            self.principals.remove(&who.principal);
        }
    }

    /// Stops a credential that another process saw refused, as if it had been so as often as may be.
    pub(super) fn inherit(&mut self, who: &CredentialId, ago: Duration, now: Instant) {
        let left = MEMORY.saturating_sub(ago);
        self.forget_old(who, now);
        let own = self.credentials.get(&who.credential);
        if left.is_zero() || own.is_some_and(CredentialRecord::is_own) {
            return;
        }
        let record = self.credentials.entry(who.credential.clone()).or_default();
        *record = CredentialRecord {
            stopped: Some(now + left),
            used: Some(now),
            ..record.unjudged()
        };
        let principal = self.principals.entry(who.principal.clone()).or_default();
        let at = now.checked_sub(ago).unwrap_or(now);
        principal.refusals.extend([at; OF_ONE]);
        principal.refusals.sort();
    }

    /// Lets a credential have one try of its own. What this process saw of it itself counts more.
    pub(super) fn vouch(&mut self, who: &CredentialId, now: Instant) {
        self.forget_old(who, now);
        let record = self.credentials.entry(who.credential.clone()).or_default();
        if record.refusals == 0 && record.stopped.is_none() {
            record.vouched = true;
            record.used = Some(now);
        }
    }

    /// An account has this credential from now on: what is known of it is not forgotten before that is over.
    pub(super) fn begin_use(&mut self, who: &CredentialId) {
        let record = self.credentials.entry(who.credential.clone()).or_default();
        record.accounts += 1;
    }

    /// An account that had it is in use no more.
    pub(super) fn end_use(&mut self, who: &CredentialId) {
        if let Some(record) = self.credentials.get_mut(&who.credential) {
            record.accounts = record.accounts.saturating_sub(1);
        }
    }

    /// Until when there is no call for this credential: it was refused itself, or does not stand alone and others of its principal were.
    pub(super) fn stopped(&self, who: &CredentialId, now: Instant) -> Option<Instant> {
        let record = self.credentials.get(&who.credential);
        let itself = record
            .and_then(|record| record.stopped)
            .filter(|until| now < *until);
        let stands_alone = record.is_some_and(CredentialRecord::stands_alone);
        let refusals = self
            .principals
            .get(&who.principal)
            .map_or(&[][..], |all| &all.refusals);
        let mut counting = refusals
            .iter()
            .map(|at| *at + MEMORY)
            .filter(|until| now < *until);
        // With one refusal fewer there is room again.
        let surplus = counting.clone().count().checked_sub(OF_ALL);
        let others = surplus
            .and_then(|surplus| counting.nth(surplus))
            .filter(|_| !stands_alone);
        itself.max(others)
    }

    /// How many are known.
    #[cfg(test)]
    pub(super) fn credentials(&self) -> usize {
        self.credentials.len()
    }

    /// From how many on it is looked next which of them count.
    #[cfg(test)]
    pub(super) fn tidied_at(&self) -> usize {
        self.tidied_at
    }

    /// Forgets what is over of one.
    fn forget_old(&mut self, who: &CredentialId, now: Instant) {
        if let Some(record) = self.credentials.get_mut(&who.credential) {
            record.forget_old(now);
        }
        if let Some(principal) = self.principals.get_mut(&who.principal) {
            principal.forget_old(now);
        }
    }

    /// Forgets of whom nothing counts any more, once there are many or some time has passed.
    fn tidy(&mut self, now: Instant) {
        let known = self.credentials.len() + self.principals.len();
        let lately = |tidied: Instant| now < tidied + TIDIED_EVERY;
        if known < self.tidied_at && self.tidied.is_some_and(lately) {
            return;
        }
        self.credentials.retain(|_, record| {
            record.forget_old(now);
            record.counts(now)
        });
        self.principals.retain(|_, principal| {
            principal.forget_old(now);
            !principal.is_as_new()
        });
        self.credentials.shrink_to(2 * self.credentials.len());
        self.principals.shrink_to(2 * self.principals.len());
        self.tidied_at = 2 * (self.credentials.len() + self.principals.len()) + 1;
        self.tidied = Some(now);
    }
}

impl PrincipalRecord {
    fn forget_old(&mut self, now: Instant) {
        self.refusals.retain(|at| now < *at + MEMORY);
    }

    fn is_as_new(&self) -> bool {
        self.probes == 0 && self.refusals.is_empty()
    }
}

impl CredentialRecord {
    /// The same without what became of its calls.
    fn unjudged(&self) -> Self {
        Self {
            probing: self.probing,
            used: self.used,
            accounts: self.accounts,
            ..Self::default()
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.stopped = self.stopped.filter(|until| now < *until);
    }

    /// Whether it makes one call at a time.
    fn must_prove_itself(&self) -> bool {
        !self.worked || self.refusals > 0
    }

    /// Whether this process has called with it.
    fn is_own(&self) -> bool {
        self.worked || self.probing || self.refusals > 0 || self.stopped.is_some()
    }

    /// Whether what becomes of others of its principal does not stop it.
    fn stands_alone(&self) -> bool {
        self.worked || self.vouched
    }

    /// Whether a new one would be treated otherwise. What is in use is not forgotten, and of what is not, nothing is kept for long.
    fn counts(&self, now: Instant) -> bool {
        let is_in_use = self.accounts > 0 || self.probing || self.stopped.is_some();
        let knows = self.worked || self.vouched || self.refusals > 0;
        let kept_for = if self.vouched { UNTRIED } else { UNUSED };
        let is_used = self.used.is_some_and(|used| now < used + kept_for);
        is_in_use || (knows && is_used)
    }
}
