//! Logins of users. One at a time for each user, whatever project it is for; a token serves until it is renewed, and tells the id of its
//! project. Nothing is tried again here: a failure is the answer to all who ask soon after.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::platform::account::Account;
use crate::platform::credentials::Credential;
use crate::platform::failures;
use crate::platform::iam::slots::{SlotContent, Slots};
use crate::platform::iam::wire;
use crate::platform::keys::User;
use crate::platform::lifetime::lifetime;
use crate::platform::redact::Redactor;
use crate::platform::request::Draft;
use crate::platform::service::{ServiceAddress, ServiceClient, holdoff};
use crate::platform::strikes::Strikes;
use crate::terms::failure::{Failure, Operation};

const JSON: &str = "application/json;charset=utf8";

/// How long a token serves that was issued just now, whatever its date says: one that IAM takes for expired is refused by Live, and replaced.
/// An IAM that issues such ones is not asked before each call.
const SHORTEST_LIFE: Duration = Duration::from_mins(5);

/// Logs users in.
pub(super) struct UserLogins {
    sender: ServiceClient,
    strikes: Arc<Strikes>,
    users: Slots<LoginKey, UserTokens>,
}

/// A user at one IAM.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LoginKey {
    endpoint: String,
    credential: String,
}

/// What a user was given, by project id.
#[derive(Default)]
struct UserTokens {
    tokens: HashMap<String, CachedToken>,
    /// What became of a login, and until when there is no other.
    failed: HashMap<String, (Failure, Instant)>,
}

/// A token and when it is to be replaced.
pub(super) struct CachedToken {
    pub(super) token: SecretString,
    renew: Instant,
    expire: Instant,
    /// The project that it is scoped to, as IAM tells it.
    project: Option<wire::IamProject>,
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
        &self,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<SecretString, Failure> {
        let slot = self.users.slot(&LoginKey::of(account));
        let mut given = slot.lock().await;
        let project = &account.target.project_id;
        let now = Instant::now();
        let token = given.tokens.get(project);
        if let Some(issued) = token.filter(|issued| now < issued.renew) {
            return Ok(issued.token.clone());
        }
        let failure = match given.failure(project, now) {
            Some(failure) => Failure {
                operation,
                ..failure
            },
            None => match self.renew(account, user, operation).await {
                Ok(issued) => return Ok(given.keep(project.clone(), issued)),
                Err(failure) => {
                    given.fail(project.clone(), &failure);
                    failure
                }
            },
        };
        // Early enough for other attempts before the old one ends.
        let old = given.tokens.get(project);
        let old = old.filter(|issued| now < issued.expire);
        old.map(|issued| issued.token.clone()).ok_or(failure)
    }

    /// How many users are known.
    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    async fn renew(
        &self,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<CachedToken, Failure> {
        // Another login of this user may have been refused while this one waited for it.
        if let Some(stopped) = self.strikes.stopped(&account.credential) {
            return Err(stopped.failure(operation));
        }
        let scope = wire::TokenScope::Project(&account.target.project_id);
        let endpoint = &account.iam_endpoint;
        self.issue(endpoint, user, scope, operation).await
    }

    /// Live did not take this token: the next caller gets another, unless somebody else has replaced it already.
    pub(super) async fn forget(&self, account: &Account, refused: &SecretString) {
        let slot = self.users.slot(&LoginKey::of(account));
        let mut given = slot.lock().await;
        let same = |token: &SecretString| token.expose_secret() == refused.expose_secret();
        given.tokens.retain(|_, issued| !same(&issued.token));
    }

    /// The id of the project of this name, if a token of this user tells it already.
    pub(super) async fn known(
        &self,
        endpoint: &str,
        credential: &Credential,
        name: &str,
    ) -> Option<String> {
        let slot = self.users.slot(&LoginKey::new(endpoint, credential));
        let given = slot.lock().await;
        let now = Instant::now();
        let mut current = given.tokens.values().filter(|issued| now < issued.expire);
        current.find_map(|issued| issued.id_of(name))
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
        let mut given = slot.lock().await;
        if let Some(stopped) = self.strikes.stopped(credential) {
            return Err(stopped.failure(operation));
        }
        let scope = wire::TokenScope::ProjectName(name);
        let issued = self.issue(endpoint, user, scope, operation).await?;
        let Some(id) = issued.id_of(name) else {
            return Ok(None);
        };
        given.keep(id.clone(), issued);
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

impl UserTokens {
    fn keep(&mut self, project: String, issued: CachedToken) -> SecretString {
        let now = Instant::now();
        self.tokens.retain(|_, issued| now < issued.expire);
        self.failed.remove(&project);
        let token = issued.token.clone();
        self.tokens.insert(project, issued);
        token
    }

    fn fail(&mut self, project: String, failure: &Failure) {
        let now = Instant::now();
        self.failed.retain(|_, (_, until)| now < *until);
        let until = now + holdoff(failure);
        self.failed.insert(project, (failure.clone(), until));
    }

    /// The failure of a login a moment ago. It was another call's: for this one nothing was sent.
    fn failure(&self, project: &str, now: Instant) -> Option<Failure> {
        let (failure, until) = self.failed.get(project)?;
        (now < *until).then(|| Failure {
            http_status: None,
            ..failure.clone()
        })
    }
}

impl SlotContent for UserTokens {
    fn counts(&self, now: Instant) -> bool {
        let failed = self.failed.values();
        let tokens = self.tokens.values();
        failed.into_iter().any(|(_, until)| now < *until)
            || tokens.into_iter().any(|issued| now < issued.expire)
    }
}

impl CachedToken {
    /// The id of its project, if that has this name.
    fn id_of(&self, name: &str) -> Option<String> {
        let project = self.project.as_ref();
        let project = project.filter(|project| project.is_named(name))?;
        project.id().map(str::to_owned)
    }
}

/// IAM at this address.
pub(super) fn at(endpoint: &str) -> ServiceAddress<'_> {
    ServiceAddress {
        name: "IAM",
        endpoint,
    }
}
