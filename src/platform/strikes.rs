//! Keeps credentials that the cloud refuses from being tried until it locks them.
//!
//! Six refused signatures lock an access key for everybody who uses it. So a credential that was not accepted yet makes one
//! call at a time, one that was refused twice makes none for a while, and all credentials of one access key together may be
//! refused only a few times. `ledger` decides; here is who waits.

mod ledger;
mod verdict;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::Instant,
};

use self::ledger::{Admission, CredentialId, Ledger};
pub use self::verdict::CredentialVerdict;
use crate::lock::lock;
use crate::platform::credentials::Credential;
use crate::platform::failures;
use crate::terms::failure::{Class, Failure, Operation};

/// Until when no call may be made with a credential, unless one of its values changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// When the next call may be made.
    pub until: Instant,
}

impl Stopped {
    /// The failure of a call that was held back.
    pub fn failure(self, operation: Operation) -> Failure {
        let left = self.until.saturating_duration_since(Instant::now());
        let problem = format!(
            "the cloud refused this credential before; so that it is not locked, it is not used for {} s or until one of its values changes",
            left.as_secs() + 1
        );
        let mut failure = failures::failure_before_sending(operation, Class::Credential, &problem);
        failure.retry_after = Some(left);
        failure
    }
}

/// The strikes of all credentials of this process.
#[derive(Default)]
pub struct Strikes {
    ledger: Mutex<Ledger>,
    /// Who waits for the end of the next call of a principal: nobody else's changes what is decided. There are no more than calls under
    /// way that are waited for.
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Strikes {
    /// Nobody was refused yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until a call may be made with this credential, or says that none may.
    pub async fn enter(&self, credential: &Credential) -> Result<CredentialPass<'_>, Stopped> {
        let who = CredentialId::of(credential);
        loop {
            let left = {
                let mut ledger = self.ledger();
                match ledger.enter(&who, Instant::now()) {
                    Admission::Go { probe } => {
                        return Ok(CredentialPass {
                            strikes: self,
                            who,
                            probe,
                            verdict: CredentialVerdict::Unknown,
                        });
                    }
                    // Nobody leaves while the ledger is held: whoever does between the question and the wait is heard.
                    Admission::Wait => self.next_to_leave(&who),
                    Admission::Stopped { until } => return Err(Stopped { until }),
                }
            };
            left.await;
        }
    }

    /// The end of the next call of this principal.
    fn next_to_leave(&self, who: &CredentialId) -> OwnedNotified {
        let mut waiting = lock(&self.waiting);
        let left = waiting.entry(who.principal.clone()).or_default();
        Arc::clone(left).notified_owned()
    }

    /// Takes over from an earlier process that this credential was refused so long ago. What this process saw itself counts more.
    pub fn inherit(&self, credential: &Credential, ago: Duration) {
        self.ledger()
            .inherit(&CredentialId::of(credential), ago, Instant::now());
    }

    /// Some object was settled by this credential before this process began: it has one try of its own, whatever became of others
    /// of the same principal.
    pub fn vouch(&self, credential: &Credential) {
        self.ledger()
            .vouch(&CredentialId::of(credential), Instant::now());
    }

    /// Keeps what is known of a credential for as long as this is held: an account has it.
    pub fn in_use(self: &Arc<Self>, credential: &Credential) -> CredentialUse {
        let who = CredentialId::of(credential);
        self.ledger().begin_use(&who);
        CredentialUse {
            strikes: Arc::clone(self),
            who,
        }
    }

    /// Whether calls with this credential are stopped, and until when.
    pub fn stopped(&self, credential: &Credential) -> Option<Stopped> {
        let until = self
            .ledger()
            .stopped(&CredentialId::of(credential), Instant::now())?;
        Some(Stopped { until })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

/// An account has a credential.
pub struct CredentialUse {
    strikes: Arc<Strikes>,
    who: CredentialId,
}

impl Drop for CredentialUse {
    fn drop(&mut self) {
        self.strikes.ledger().end_use(&self.who);
    }
}

/// Leave to make one call. Dropped without a verdict it says nothing of the credential.
pub struct CredentialPass<'a> {
    strikes: &'a Strikes,
    who: CredentialId,
    probe: bool,
    verdict: CredentialVerdict,
}

impl CredentialPass<'_> {
    /// Whether the call may be made still: much may have become of others while this one waited.
    pub fn holds(&self) -> bool {
        let ledger = self.strikes.ledger();
        ledger.holds(&self.who, self.probe, Instant::now())
    }

    /// The call has ended.
    pub fn end(mut self, verdict: CredentialVerdict) {
        self.verdict = verdict;
    }
}

impl Drop for CredentialPass<'_> {
    fn drop(&mut self) {
        let mut ledger = self.strikes.ledger();
        ledger.leave(&self.who, self.probe, self.verdict, Instant::now());
        let waiting = lock(&self.strikes.waiting).remove(&self.who.principal);
        drop(ledger);
        if let Some(left) = waiting {
            left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
