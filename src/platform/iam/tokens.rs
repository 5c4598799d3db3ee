//! The tokens of a user, by project, and what became of logins. Asks nobody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use secrecy::SecretString;
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::lock::lock;
use crate::platform::iam::slots::SlotContent;
use crate::platform::iam::wire;
use crate::platform::service::holdoff;
use crate::terms::failure::Failure;

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
    /// What became of a login, and until when there is no other.
    failed: HashMap<String, (Failure, Instant)>,
}

/// A token and when it is to be replaced.
pub(super) struct CachedToken {
    pub(super) token: SecretString,
    pub(super) renew: Instant,
    pub(super) expire: Instant,
    /// The project that it is scoped to, as IAM tells it.
    pub(super) project: Option<wire::IamProject>,
}

impl LoginSlot {
    pub(super) fn cache(&self) -> MutexGuard<'_, UserTokens> {
        lock(&self.cache)
    }
}

impl UserTokens {
    /// The token of a project, if it has not ended.
    pub(super) fn current(&self, project: &str, now: Instant) -> Option<&CachedToken> {
        self.tokens
            .get(project)
            .filter(|issued| now < issued.expire)
    }

    /// The id of the project of this name, if a token tells it that has not ended.
    pub(super) fn project_of(&self, name: &str, now: Instant) -> Option<String> {
        let mut current = self.tokens.values().filter(|issued| now < issued.expire);
        current.find_map(|issued| issued.id_of(name))
    }

    pub(super) fn keep(&mut self, project: String, issued: CachedToken) -> SecretString {
        let now = Instant::now();
        self.tokens.retain(|_, issued| now < issued.expire);
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
        let cache = self.cache();
        let failed = cache.failed.values();
        let tokens = cache.tokens.values();
        failed.into_iter().any(|(_, until)| now < *until)
            || tokens.into_iter().any(|issued| now < issued.expire)
    }
}

impl CachedToken {
    /// The id of its project, if that has this name.
    pub(super) fn id_of(&self, name: &str) -> Option<String> {
        let project = self.project.as_ref();
        let project = project.filter(|project| project.is_named(name))?;
        project.id().map(str::to_owned)
    }
}
