//! Tokens for users. One token per account, asked for by one caller at a time, renewed before it expires. Nothing is tried again here.

use bytes::Bytes;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{slots::Slots, wire};
use crate::{
    live::{
        account::{Account, AccountKey},
        classify,
        draft::Draft,
        keys::User,
        lifetime::life,
        redact::Secrets,
        sender::{Sender, Service},
    },
    plan::failure::{Failure, Operation},
};

const JSON: &str = "application/json;charset=utf8";

/// Logs users in.
pub(super) struct Logins {
    sender: Sender,
    tokens: Slots<AccountKey, Issued>,
}

/// A token and when it is to be replaced.
pub(super) struct Issued {
    pub(super) token: SecretString,
    renew: Instant,
    expire: Instant,
    /// The project that it is scoped to, as IAM tells it.
    pub(super) project: Option<String>,
}

impl Logins {
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            sender,
            tokens: Slots::default(),
        }
    }

    /// A token for a user, scoped to the account's project. `operation` is what it is for, and what a failure is told as.
    pub(super) async fn token(
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
    pub(super) async fn forget(&self, account: &Account, refused: &SecretString) {
        let slot = self.tokens.slot(account.key());
        let mut issued = slot.lock().await;
        issued.take_if(|issued| same(&issued.token, refused));
    }

    pub(super) async fn issue(
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

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

/// IAM at this address.
pub(super) fn at(endpoint: &str) -> Service<'_> {
    Service {
        name: "IAM",
        endpoint,
    }
}
