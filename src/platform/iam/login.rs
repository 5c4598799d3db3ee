//! Logins of users. One at a time for each user, whatever project it is for; a token serves until it is renewed, and tells the id of its
//! project. Whoever has one does not wait for its renewal. Nothing is tried again here: a failure is the answer to all who ask soon after.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::OwnedMutexGuard, time::Instant};

use crate::platform::account::Account;
use crate::platform::credentials::Credential;
use crate::platform::failures;
use crate::platform::iam::slots::Slots;
use crate::platform::iam::tokens::{CachedToken, LoginSlot, LoginUse};
use crate::platform::iam::wire;
use crate::platform::keys::User;
use crate::platform::lifetime::lifetime;
use crate::platform::redact::Redactor;
use crate::platform::request::Draft;
use crate::platform::run_to_end::run_to_end;
use crate::platform::service::{ServiceAddress, ServiceClient};
use crate::platform::strikes::Strikes;
use crate::terms::failure::{Failure, Operation};

const JSON: &str = "application/json;charset=utf8";

/// How long a token serves that was issued just now, whatever its date says: one that IAM takes for expired is refused by Live, and replaced.
/// An IAM that issues such ones is not asked before each call.
const SHORTEST_LIFE: Duration = Duration::from_mins(5);

/// So many bytes of tokens are kept. A thousand real ones have a few millions; how long they are is for whoever runs an IAM to say.
const ROOM: usize = 16 * 1024 * 1024;

/// Logs users in.
pub(super) struct UserLogins {
    sender: ServiceClient,
    strikes: Arc<Strikes>,
    users: Slots<LoginKey, LoginSlot>,
}

/// A user at one IAM.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LoginKey {
    endpoint: String,
    credential: String,
}

impl UserLogins {
    pub(super) fn new(sender: ServiceClient, strikes: Arc<Strikes>) -> Self {
        Self {
            sender,
            strikes,
            users: Slots::default(),
        }
    }

    /// A token for a user, scoped to the account's project. `operation` is what it is for, and what a failure is told as.
    pub(super) async fn token(
        self: &Arc<Self>,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<SecretString, Failure> {
        let slot = self.users.slot(&LoginKey::of(account));
        let project = &account.target.project_id;
        if let Some(token) = self.present(&slot, account, user, operation) {
            return Ok(token);
        }
        let renewal = Arc::clone(&slot.renewal).lock_owned().await;
        // Another one may have logged in while this one waited for it.
        if let Some(token) = slot.cache().current(project, Instant::now()) {
            return Ok(token.token.clone());
        }
        if let Some(failure) = slot.cache().take_failure(project, Instant::now()) {
            return Err(Failure {
                operation,
                ..failure
            });
        }
        let renewed = self.renewed(renewal, Arc::clone(&slot), account, user, operation);
        run_to_end(renewed).await.map_err(|failure| {
            let kept = slot.cache().take_failure(project, Instant::now());
            kept.unwrap_or(failure)
        })
    }

    /// The token that there is. One that is to be replaced serves on, early enough for some attempts before it ends, and the first who
    /// sees that lets it be replaced beside.
    fn present(
        self: &Arc<Self>,
        slot: &Arc<LoginSlot>,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Option<SecretString> {
        let (mut cache, now) = (slot.cache(), Instant::now());
        let project = &account.target.project_id;
        let issued = cache.current(project, now)?;
        let (token, renew) = (issued.token.clone(), issued.renew);
        let is_due = renew <= now && !cache.has_failed(project, now);
        if is_due && let Ok(renewal) = Arc::clone(&slot.renewal).try_lock_owned() {
            // What becomes of it is kept for those who ask next.
            tokio::spawn(self.renewed(renewal, Arc::clone(slot), account, user, operation));
        }
        Some(token)
    }

    /// Keeps the token of an account for as long as this is held; none where its credential is no user.
    pub(super) fn in_use(&self, account: &Account) -> Option<LoginUse> {
        let is_user = matches!(*account.credential, Credential::Password(_));
        let slot = || self.users.slot(&LoginKey::of(account));
        is_user.then(|| LoginUse::begin(slot(), &account.target.project_id))
    }

    /// How many users are known.
    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// How many tokens are kept, and how many bytes they have.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        let slots = self.users.all().into_iter();
        let kept = slots.map(|slot| {
            let cache = slot.cache();
            (cache.tokens.len(), cache.size())
        });
        kept.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Keeps a token. Where there is no room for all, the longest go: those of others stay, and a real one is not long.
    fn keep(&self, slot: &LoginSlot, project: &str, issued: CachedToken) -> SecretString {
        let token = slot.cache().keep(project.to_owned(), issued);
        let slots = self.users.all();
        let size = || slots.iter().map(|slot| slot.cache().size()).sum::<usize>();
        while size() > ROOM {
            let longest = slots.iter().max_by_key(|slot| slot.cache().longest());
            if let Some(longest) = longest {
                longest.cache().forget_longest();
            }
        }
        token
    }

    /// The whole of a renewal, which may outlive who asked for it.
    fn renewed(
        self: &Arc<Self>,
        renewal: OwnedMutexGuard<()>,
        slot: Arc<LoginSlot>,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> impl Future<Output = Result<SecretString, Failure>> + Send + use<> {
        let logins = Arc::clone(self);
        let (account, user) = (account.clone(), user.clone());
        async move {
            let renewed = logins.renew(&slot, &account, &user, operation).await;
            drop(renewal);
            renewed
        }
    }

    /// Logs in, and keeps what comes of it. Whoever calls this holds `renewal`.
    async fn renew(
        &self,
        slot: &LoginSlot,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<SecretString, Failure> {
        let project = &account.target.project_id;
        let scope = wire::TokenScope::Project(project);
        // Another login of this user may have been refused while this one waited for it.
        let issued = match self.strikes.stopped(&account.credential) {
            Some(stopped) => Err(stopped.failure(operation)),
            None => {
                self.issue(&account.iam_endpoint, user, scope, operation)
                    .await
            }
        };
        match issued {
            Ok(issued) => Ok(self.keep(slot, project, issued)),
            Err(failure) => {
                slot.cache().fail(project.clone(), &failure);
                Err(failure)
            }
        }
    }

    /// Live did not take this token: the next caller gets another, unless somebody else has replaced it already.
    pub(super) fn forget(&self, account: &Account, refused: &SecretString) {
        let slot = self.users.slot(&LoginKey::of(account));
        let same = |token: &SecretString| token.expose_secret() == refused.expose_secret();
        slot.cache().tokens.retain(|_, issued| !same(&issued.token));
    }

    /// The id of the project of this name, if a token of this user tells it already.
    pub(super) fn known(
        &self,
        endpoint: &str,
        credential: &Credential,
        name: &str,
    ) -> Option<String> {
        let slot = self.users.slot(&LoginKey::new(endpoint, credential));
        slot.cache().project_of(name, Instant::now())
    }

    /// Logs in to the project of this name, and gives its id. The token is kept for the calls that are to come. None where IAM does not
    /// tell what it let the user into.
    pub(super) async fn enter(
        &self,
        endpoint: &str,
        credential: &Credential,
        user: &User,
        name: &str,
        operation: Operation,
    ) -> Result<Option<String>, Failure> {
        let slot = self.users.slot(&LoginKey::new(endpoint, credential));
        let _renewal = slot.renewal.lock().await;
        // Another one may have logged in while this one waited for it.
        if let Some(id) = slot.cache().project_of(name, Instant::now()) {
            return Ok(Some(id));
        }
        if let Some(stopped) = self.strikes.stopped(credential) {
            return Err(stopped.failure(operation));
        }
        let scope = wire::TokenScope::ProjectName(name);
        let issued = self.issue(endpoint, user, scope, operation).await?;
        let Some(id) = issued.id_of(name) else {
            return Ok(None);
        };
        self.keep(&slot, &id, issued);
        Ok(Some(id))
    }

    pub(super) async fn issue(
        &self,
        endpoint: &str,
        user: &User,
        scope: wire::TokenScope<'_>,
        operation: Operation,
    ) -> Result<CachedToken, Failure> {
        let mut secrets = Redactor::new();
        secrets.hide(user.password.expose_secret());
        let query = [("nocatalog".to_owned(), "true".to_owned())];
        let draft = Draft {
            method: Method::POST,
            endpoint,
            path: "/v3/auth/tokens",
            query: &query,
            headers: vec![("content-type", JSON.to_owned())],
            body: Some(Bytes::from(wire::token_request(user, scope))),
        };
        let iam = at(endpoint);
        let response = self
            .sender
            .send(iam, draft.bare(), operation, &secrets)
            .await?
            .result?;
        let issued = wire::issued_token(&response).map_err(|problem| {
            iam.as_not_sent(failures::failure_of_unreadable(
                operation, &response, &problem, &secrets,
            ))
        })?;
        let life = lifetime(issued.expires_at, self.sender.now(iam)).max(SHORTEST_LIFE);
        let now = Instant::now();
        Ok(CachedToken {
            token: issued.token,
            renew: now + life * 3 / 4,
            expire: now + life,
            used: now,
            project: issued.project,
        })
    }
}

impl LoginKey {
    fn new(endpoint: &str, credential: &Credential) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            credential: credential.digest("login"),
        }
    }

    fn of(account: &Account) -> Self {
        Self::new(&account.iam_endpoint, &account.credential)
    }
}

/// IAM at this address.
pub(super) fn at(endpoint: &str) -> ServiceAddress<'_> {
    ServiceAddress {
        name: "IAM",
        endpoint,
    }
}
