//! The five operations. The only caller of the transport for the Live API, and none of them can be called without a token of the quota.
//!
//! A call is made once. It is made once more only after a refusal that says why it can't have happened: a date that the
//! cloud did not accept, or a token of ours that it did not know any more.

mod call;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use http::Method;

use self::call::Call;
use super::{
    account::Account,
    answer::{Answer, Page},
    classify,
    clock::Clock,
    iam::Iam,
    quota::{Lane, Token},
    sign::percent_encode,
    sign_key::SignKey,
    strikes::Strikes,
    transport::{Deadline, Transport},
    wire,
};
use crate::plan::{
    content::Content,
    failure::{Class, Failure, Operation},
    place::Place,
    row::Row,
};

/// Gives the token for a call that is made once more. The first one comes with the call, in the lane that it belongs to.
pub trait MoreTokens: Send + Sync {
    /// Waits for a token of this account's quota.
    fn more<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Token>;
}

/// Is told of every call that was made.
pub trait Meter: Send + Sync {
    /// A call is handed over that waited so long for its turn.
    fn waited(&self, lane: Lane, wait: Duration);

    /// `status` is that of an answer; `code` is one of the table of codes, or `other`.
    fn call(
        &self,
        operation: Operation,
        status: Option<u16>,
        code: Option<&'static str>,
        elapsed: Duration,
    );
}

/// What a create or an update sends.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// Ingest domain and app.
    pub place: &'a Place,
    /// URL, events and sign type.
    pub content: &'a Content,
    /// Sent only when given.
    pub key: Option<&'a SignKey>,
}

/// A client for all accounts.
pub struct Client {
    /// Sends.
    pub transport: Arc<dyn Transport>,
    /// Knows what time it is at the cloud.
    pub clock: Arc<Clock>,
    /// Makes tokens for users.
    pub iam: Arc<Iam>,
    /// Holds back what the cloud would refuse.
    pub strikes: Arc<Strikes>,
    /// Gives second tokens of the quota.
    pub tokens: Arc<dyn MoreTokens>,
    /// Counts.
    pub meter: Arc<dyn Meter>,
    /// How long a look may take; a change brings its own deadline.
    pub request_timeout: Duration,
}

impl Client {
    /// A client that knows nothing yet.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<Clock>,
        tokens: Arc<dyn MoreTokens>,
        meter: Arc<dyn Meter>,
        request_timeout: Duration,
    ) -> Self {
        let strikes = Arc::new(Strikes::new());
        let iam = Iam::new(
            Arc::clone(&transport),
            Arc::clone(&clock),
            Arc::clone(&strikes),
            request_timeout,
        );
        Self {
            transport,
            clock,
            iam: Arc::new(iam),
            strikes,
            tokens,
            meter,
            request_timeout,
        }
    }

    /// `POST /record/callbacks`. `None` when the cloud told no id.
    pub async fn create(
        &self,
        token: Token,
        account: &Account,
        payload: Payload<'_>,
        deadline: Deadline,
    ) -> Result<Answer<Option<Row>>, Failure> {
        let path = callbacks(account);
        let write = (Operation::Create, Method::POST, path);
        self.write(token, account, write, payload, deadline, Ok)
            .await
    }

    /// `PUT /record/callbacks/{id}` with every field. `None` when the cloud told no row.
    pub async fn update(
        &self,
        token: Token,
        account: &Account,
        id: &str,
        payload: Payload<'_>,
        deadline: Deadline,
    ) -> Result<Answer<Option<Row>>, Failure> {
        let path = callback(account, id, Operation::Update)?;
        let write = (Operation::Update, Method::PUT, path);
        let same = |row| wire::same_id(row, id);
        self.write(token, account, write, payload, deadline, same)
            .await
    }

    /// Sends all fields. `check` lets the answered row pass.
    async fn write(
        &self,
        token: Token,
        account: &Account,
        (operation, method, path): (Operation, Method, String),
        payload: Payload<'_>,
        deadline: Deadline,
        check: impl FnOnce(Row) -> Result<Row, String>,
    ) -> Result<Answer<Option<Row>>, Failure> {
        let call = Call {
            operation,
            method,
            path,
            query: Vec::new(),
            body: Some(wire::request(payload.place, payload.content, payload.key)),
            key: payload.key,
            deadline: Some(deadline),
        };
        self.make(token, account, call, |body, secrets| {
            wire::written(body, payload.place, secrets)?
                .map(check)
                .transpose()
        })
        .await
    }

    /// `DELETE /record/callbacks/{id}`.
    pub async fn delete(
        &self,
        token: Token,
        account: &Account,
        id: &str,
        deadline: Deadline,
    ) -> Result<Answer<()>, Failure> {
        let call = Call {
            operation: Operation::Delete,
            method: Method::DELETE,
            path: callback(account, id, Operation::Delete)?,
            query: Vec::new(),
            body: None,
            key: None,
            deadline: Some(deadline),
        };
        self.make(token, account, call, |_, _| Ok(())).await
    }

    /// `GET /record/callbacks/{id}`.
    pub async fn get(
        &self,
        token: Token,
        account: &Account,
        id: &str,
    ) -> Result<Answer<Row>, Failure> {
        let call = Call {
            operation: Operation::Get,
            method: Method::GET,
            path: callback(account, id, Operation::Get)?,
            query: Vec::new(),
            body: None,
            key: None,
            deadline: None,
        };
        self.make(token, account, call, |body, secrets| {
            wire::shown(body, id, secrets)
        })
        .await
    }

    /// `GET /record/callbacks`: one page, of one ingest domain or of all. The filter by app is not offered: the cloud's is inexact.
    pub async fn list(
        &self,
        token: Token,
        account: &Account,
        domain: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<Page>, Failure> {
        let filter = domain.map(|domain| ("publish_domain".to_owned(), domain.to_owned()));
        let paging = [
            ("offset".to_owned(), offset.to_string()),
            ("limit".to_owned(), limit.to_string()),
        ];
        let call = Call {
            operation: Operation::List,
            method: Method::GET,
            path: callbacks(account),
            query: filter.into_iter().chain(paging).collect(),
            body: None,
            key: None,
            deadline: None,
        };
        self.make(token, account, call, wire::listed).await
    }
}

fn callbacks(account: &Account) -> String {
    format!(
        "/v1/{}/record/callbacks",
        percent_encode(&account.target.project_id)
    )
}

/// The path of one callback. An id that would change the meaning of the path is refused: no cloud makes such a one.
fn callback(account: &Account, id: &str, operation: Operation) -> Result<String, Failure> {
    if !wire::is_id(id) {
        let problem = "the recorded id can't be part of an address";
        return Err(classify::unsendable(operation, Class::Rejected, problem));
    }
    Ok(format!("{}/{}", callbacks(account), percent_encode(id)))
}

#[cfg(test)]
mod tests;
