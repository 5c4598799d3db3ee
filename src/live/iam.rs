//! IAM: tokens for users, and the project that a region stands for. The only caller of IAM.
//!
//! One token per account, asked for by one caller at a time, renewed before it expires. Nothing is tried again here.

mod project;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

pub use self::project::NoProject;
use self::project::{LookedUp, ProjectKey};
pub(super) use self::wire::life;
use super::{
    account::{Account, AccountKey},
    classify,
    clock::Clock,
    credentials::User,
    draft::Draft,
    redact::Secrets,
    sender::{Sender, Service},
    strikes::Strikes,
    transport::Transport,
};
use crate::plan::failure::{Failure, Operation};

/// More slots than an installation has credentials.
const MAX_SLOTS: usize = 1000;
const JSON: &str = "application/json;charset=utf8";

/// The one slot of a key, locked while somebody asks IAM for its content.
type Slot<T> = Arc<AsyncMutex<Option<T>>>;

/// A client of IAM with what it was told.
pub struct Iam {
    sender: Sender,
    strikes: Arc<Strikes>,
    tokens: Slots<AccountKey, Issued>,
    projects: Slots<ProjectKey, LookedUp>,
}

/// Slots by key.
struct Slots<K, T>(Mutex<HashMap<K, Slot<T>>>);

/// A token and when it is to be replaced.
struct Issued {
    token: SecretString,
    renew: Instant,
    expire: Instant,
    /// The project that it is scoped to, as IAM tells it.
    project: Option<String>,
}

impl Iam {
    /// A client that knows nothing yet.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<Clock>,
        strikes: Arc<Strikes>,
        request_timeout: Duration,
    ) -> Self {
        let (tokens, projects) = (Slots(Mutex::default()), Slots(Mutex::default()));
        Self {
            sender: Sender::new(transport, clock, request_timeout),
            strikes,
            tokens,
            projects,
        }
    }

    /// A token for a user, scoped to the account's project. `operation` is what it is for, and what a failure is told as.
    pub async fn token(
        &self,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<SecretString, Failure> {
        let slot = self.tokens.slot(account.key());
        let mut issued = slot.lock().await;
        let now = Instant::now();
        if let Some(issued) = issued.as_ref().filter(|issued| now < issued.renew) {
            return Ok(issued.token.clone());
        }
        let scope = wire::Scope::Project(&account.target.project_id);
        let renewed = self
            .issue(&account.iam_endpoint, user, scope, operation)
            .await;
        match renewed {
            Ok(renewed) => Ok(issued.insert(renewed).token.clone()),
            // Early enough for another attempt before the old one ends.
            Err(failure) => match issued.as_ref().filter(|issued| now < issued.expire) {
                Some(issued) => Ok(issued.token.clone()),
                None => Err(failure),
            },
        }
    }

    /// Live did not take this token: the next caller gets another, unless somebody else has replaced it already.
    pub async fn forget(&self, account: &Account, refused: &SecretString) {
        let slot = self.tokens.slot(account.key());
        let mut issued = slot.lock().await;
        issued.take_if(|issued| same(&issued.token, refused));
    }

    async fn issue(
        &self,
        endpoint: &str,
        user: &User,
        scope: wire::Scope<'_>,
        operation: Operation,
    ) -> Result<Issued, Failure> {
        let mut secrets = Secrets::new();
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
            iam.never_sent(classify::unreadable(
                operation, &response, &problem, &secrets,
            ))
        })?;
        let life = life(issued.expires_at, self.sender.now(iam));
        let now = Instant::now();
        Ok(Issued {
            token: issued.token,
            renew: now + life * 3 / 4,
            expire: now + life,
            project: issued.project,
        })
    }
}

impl<K: Clone + Eq + std::hash::Hash, T> Slots<K, T> {
    /// The slot of a key. When there are too many, those that nobody uses are emptied: credentials come and go.
    fn slot(&self, key: &K) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS && !slots.contains_key(key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(key.clone()).or_default().clone()
    }
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

/// IAM at this address.
fn at(endpoint: &str) -> Service<'_> {
    Service {
        name: "IAM",
        endpoint,
    }
}

#[cfg(test)]
mod tests;
