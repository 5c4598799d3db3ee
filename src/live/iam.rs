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
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

pub use self::project::NoProject;
use self::project::{LookedUp, ProjectKey};
use super::{
    account::{Account, AccountKey},
    classify,
    clock::{Clock, Span, date},
    credentials::User,
    draft::Draft,
    redact::Secrets,
    strikes::Strikes,
    transport::{Deadline, Request, Response, Transport, reply_headers},
};
use crate::plan::failure::{Class, Failure, Operation};

/// More slots than an installation has credentials.
const MAX_SLOTS: usize = 1000;
const JSON: &str = "application/json;charset=utf8";

/// The one slot of a key, locked while somebody asks IAM for its content.
type Slot<T> = Arc<AsyncMutex<Option<T>>>;

/// A client of IAM with what it was told.
pub struct Iam {
    transport: Arc<dyn Transport>,
    clock: Arc<Clock>,
    strikes: Arc<Strikes>,
    request_timeout: Duration,
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

/// What came of a call.
struct Reply {
    result: Result<Response, Failure>,
    /// What the cloud's clock showed, by its `Date`.
    date: Option<Timestamp>,
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
            transport,
            clock,
            strikes,
            request_timeout,
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
        let response = self
            .send(endpoint, draft.bare(), operation, &secrets)
            .await?
            .result?;
        let issued = wire::issued_token(&response).map_err(|problem| {
            never_sent(classify::unreadable(
                operation, &response, &problem, &secrets,
            ))
        })?;
        let life = wire::life(issued.expires_at, self.clock.now(endpoint));
        let now = Instant::now();
        Ok(Issued {
            token: issued.token,
            renew: now + life * 3 / 4,
            expire: now + life,
            project: issued.project,
        })
    }

    async fn send(
        &self,
        endpoint: &str,
        request: Option<Request>,
        operation: Operation,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let problem = "the credential has a character that a header can't hold";
        let request =
            request.ok_or_else(|| classify::unsendable(operation, Class::Rejected, problem))?;
        let deadline = Deadline::after(self.clock.wall(), self.request_timeout);
        let sent = self.clock.local();
        let reply = self.transport.send(request, deadline).await;
        let received = self.clock.local();
        let date = reply_headers(&reply).and_then(date);
        if let Some(date) = date {
            self.clock.observe(endpoint, date, Span { sent, received });
        }
        let now = self.clock.at(endpoint, received);
        let result = classify::judge(operation, reply, secrets, now).map_err(never_sent);
        let failure = result.as_ref().err();
        tracing::info!(
            endpoint,
            status = failure.and_then(|failure| failure.http_status),
            code = failure.and_then(|failure| failure.code.as_deref()),
            request_id = failure.and_then(|failure| failure.request_id.as_deref()),
            "call of IAM"
        );
        Ok(Reply { result, date })
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

/// Whatever failed at IAM, the operation that it was for has not been sent.
fn never_sent(mut failure: Failure) -> Failure {
    failure.message = format!("IAM: {}", failure.message);
    failure.class = match failure.class {
        Class::Rejected | Class::Exists | Class::Gone => Class::Rejected,
        kept @ (Class::Maintenance
        | Class::Throttled
        | Class::Credential
        | Class::ClockSkew
        | Class::Permission
        | Class::Account) => kept,
        Class::CloudDown | Class::NotSent | Class::Overloaded | Class::Protocol => Class::NotSent,
    };
    failure
}

#[cfg(test)]
mod tests;
