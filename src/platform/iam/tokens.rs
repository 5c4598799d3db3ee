//! The tokens of a user, by project, and what became of logins. Asks nobody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::lock::lock;
use crate::platform::iam::slots::SlotContent;
use crate::platform::iam::wire;
use crate::platform::service::holdoff;
use crate::terms::failure::Failure;

/// What no account has is kept for so long after it was asked for: a project may be looked up by a login before there is an account, and
/// passwords change as often as somebody writes them.
const UNUSED: Duration = Duration::from_mins(1);

/// What is known of a user, and whose turn it is to log in.
#[derive(Default)]
pub(super) struct LoginSlot {
    cache: Mutex<UserTokens>,
    /// Held while IAM is asked.
    pub(super) renewal: Arc<AsyncMutex<()>>,
}

/// What a user was given, by project id.
#[derive(Default)]
pub(super) struct UserTokens {
    pub(super) tokens: HashMap<String, CachedToken>,
    /// How many accounts there are of each project.
    accounts: HashMap<String, usize>,
    /// What became of a login, and until when there is no other.
    failed: HashMap<String, (Failure, Instant)>,
}

/// An account has a project as this user: its token is kept.
pub struct LoginUse {
    slot: Arc<LoginSlot>,
    project: String,
}

/// A token and when it is to be replaced.
pub(super) struct CachedToken {
    pub(super) token: SecretString,
    pub(super) renew: Instant,
    pub(super) expire: Instant,
    /// When it was last asked for.
    pub(super) used: Instant,
    /// The project that it is scoped to, as IAM tells it.
    pub(super) project: Option<wire::IamProject>,
}

impl LoginSlot {
    pub(super) fn cache(&self) -> MutexGuard<'_, UserTokens> {
        lock(&self.cache)
    }
}

impl LoginUse {
    pub(super) fn begin(slot: Arc<LoginSlot>, project: &str) -> Self {
        let project = project.to_owned();
        *slot.cache().accounts.entry(project.clone()).or_default() += 1;
        Self { slot, project }
    }
}

impl Drop for LoginUse {
    fn drop(&mut self) {
        let mut cache = self.slot.cache();
        if let Some(accounts) = cache.accounts.get_mut(&self.project) {
            *accounts -= 1;
            if *accounts == 0 {
                cache.accounts.remove(&self.project);
            }
        }
    }
}

impl UserTokens {
    /// The token of a project, if it has not ended.
    pub(super) fn current(&mut self, project: &str, now: Instant) -> Option<&CachedToken> {
        let issued = self.tokens.get_mut(project);
        let issued = issued.filter(|issued| now < issued.expire)?;
        issued.used = now;
        Some(issued)
    }

    /// Clears away what has ended, and what no account has.
    fn clear(&mut self, now: Instant) {
        let accounts = &self.accounts;
        self.tokens.retain(|project, issued| {
            let is_used = accounts.contains_key(project) || now < issued.used + UNUSED;
            is_used && now < issued.expire
        });
    }

    /// How many bytes its tokens have.
    pub(super) fn size(&self) -> usize {
        self.tokens.values().map(CachedToken::size).sum()
    }

    /// How many bytes the longest has.
    pub(super) fn longest(&self) -> usize {
        let sizes = self.tokens.values().map(CachedToken::size);
        sizes.max().unwrap_or_default()
    }

    /// Whoever asks for the longest logs in again.
    pub(super) fn forget_longest(&mut self) {
        let longest = self.tokens.iter().max_by_key(|(_, issued)| issued.size());
        if let Some(project) = longest.map(|(project, _)| project.clone()) {
            self.tokens.remove(&project);
        }
    }

    /// The id of the project of this name, if a token tells it that has not ended.
    pub(super) fn project_of(&self, name: &str, now: Instant) -> Option<String> {
        let mut current = self.tokens.values().filter(|issued| now < issued.expire);
        current.find_map(|issued| issued.id_of(name))
    }

    pub(super) fn keep(&mut self, project: String, issued: CachedToken) -> SecretString {
        let now = Instant::now();
        self.clear(now);
        self.failed.remove(&project);
        let token = issued.token.clone();
        self.tokens.insert(project, issued);
        token
    }

    pub(super) fn fail(&mut self, project: String, failure: &Failure) {
        let now = Instant::now();
        self.failed.retain(|_, (_, until)| now < *until);
        let until = now + holdoff(failure);
        self.failed.insert(project, (failure.clone(), until));
    }

    /// Whether a login failed a moment ago.
    pub(super) fn has_failed(&self, project: &str, now: Instant) -> bool {
        let failed = self.failed.get(project);
        failed.is_some_and(|(_, until)| now < *until)
    }

    /// The failure of a login a moment ago. Whoever is told it first answers for it; for the others nothing was sent. Not whoever asked for
    /// the login: that one may have given up.
    pub(super) fn take_failure(&mut self, project: &str, now: Instant) -> Option<Failure> {
        let (failure, until) = self.failed.get_mut(project)?;
        (now < *until).then(|| Failure {
            http_status: failure.http_status.take(),
            ..failure.clone()
        })
    }
}

impl SlotContent for LoginSlot {
    fn counts(&self, now: Instant) -> bool {
        let mut cache = self.cache();
        cache.clear(now);
        let mut failed = cache.failed.values();
        failed.any(|(_, until)| now < *until) || !cache.tokens.is_empty()
    }
}

impl CachedToken {
    fn size(&self) -> usize {
        self.token.expose_secret().len()
    }

    /// The id of its project, if that has this name.
    pub(super) fn id_of(&self, name: &str) -> Option<String> {
        let project = self.project.as_ref();
        let project = project.filter(|project| project.is_named(name))?;
        project.id().map(str::to_owned)
    }
}
