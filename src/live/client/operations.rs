//! The five operations. None of them can be called without a token of the quota, a create not without its record.

use http::{Method, StatusCode};

use super::{Client, CreatePermit, api_call::ApiCall, payload::Payload};
use crate::live::answer::{Answer, Page};
use crate::live::wire;
use crate::plan::facts::GetResult;
use crate::plan::facts::row::Row;
use crate::platform::account::Account;
use crate::platform::failures;
use crate::platform::quota::Token;
use crate::platform::redact::Redactor;
use crate::platform::sign::percent_encode;
use crate::platform::transport::{Deadline, Response};
use crate::terms::failure::{Class, Failure, Operation};

impl Client {
    /// `POST /record/callbacks`. `None` when the cloud told no id.
    pub async fn create(
        &self,
        permit: CreatePermit,
        account: &Account,
        payload: Payload<'_>,
    ) -> Result<Answer<Option<Row>>, Failure> {
        let CreatePermit { token, deadline } = permit;
        let write = (Operation::Create, Method::POST, callbacks(account));
        self.write(token, account, write, payload, deadline, |body, secrets| {
            wire::parse_created(body, payload.place, secrets)
        })
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
        self.write(token, account, write, payload, deadline, |body, secrets| {
            wire::parse_updated(body, id, payload.place, secrets)
        })
        .await
    }

    /// Sends all fields.
    async fn write(
        &self,
        token: Token,
        account: &Account,
        (operation, method, path): (Operation, Method, String),
        payload: Payload<'_>,
        deadline: Deadline,
        read: impl FnOnce(&[u8], &Redactor) -> Result<Option<Row>, String>,
    ) -> Result<Answer<Option<Row>>, Failure> {
        let call = ApiCall {
            operation,
            method,
            path,
            query: Vec::new(),
            body: Some(wire::encode_write(
                payload.place,
                payload.content,
                payload.key,
            )),
            key: payload.key,
            deadline: Some(deadline),
        };
        let read = |response: &Response, secrets: &Redactor| read(&response.body, secrets);
        self.execute(token, account, call, read).await
    }

    /// `DELETE /record/callbacks/{id}`.
    pub async fn delete(
        &self,
        token: Token,
        account: &Account,
        id: &str,
        deadline: Deadline,
    ) -> Result<Answer<()>, Failure> {
        let call = ApiCall {
            operation: Operation::Delete,
            method: Method::DELETE,
            path: callback(account, id, Operation::Delete)?,
            query: Vec::new(),
            body: None,
            key: None,
            deadline: Some(deadline),
        };
        self.execute(token, account, call, |response, _| match response.status {
            StatusCode::NO_CONTENT => Ok(()),
            _ => wire::check_deleted(&response.body),
        })
        .await
    }

    /// `GET /record/callbacks/{id}`.
    pub async fn get(
        &self,
        token: Token,
        account: &Account,
        id: &str,
    ) -> Result<Answer<Row>, Failure> {
        let call = ApiCall {
            operation: Operation::Get,
            method: Method::GET,
            path: callback(account, id, Operation::Get)?,
            query: Vec::new(),
            body: None,
            key: None,
            deadline: None,
        };
        self.execute(token, account, call, |response, secrets| {
            wire::parse_row(&response.body, id, secrets)
        })
        .await
    }

    /// The same, as the decisions take it.
    pub async fn get_by_id(&self, token: Token, account: &Account, id: &str) -> GetResult {
        match self.get(token, account, id).await {
            Ok(answer) => GetResult::Row(answer.value),
            Err(failure) if failure.class == Class::Gone => GetResult::Gone,
            Err(failure) => GetResult::Unknown(failure),
        }
    }

    /// `GET /record/callbacks`: one page, of one ingest domain or of all.
    pub async fn list(
        &self,
        token: Token,
        account: &Account,
        domain: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<Page>, Failure> {
        let filter = domain.map(|domain| ("publish_domain", domain));
        self.list_by(token, account, filter, offset, limit).await
    }

    /// The same of an app and of others: the cloud's filter is inexact, so it serves to find what no other list shows, and nothing else.
    pub async fn list_app(
        &self,
        token: Token,
        account: &Account,
        app: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<Page>, Failure> {
        let filter = Some(("app", app));
        self.list_by(token, account, filter, offset, limit).await
    }

    async fn list_by(
        &self,
        token: Token,
        account: &Account,
        filter: Option<(&str, &str)>,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<Page>, Failure> {
        let filter = filter.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let paging = [
            ("offset".to_owned(), offset.to_string()),
            ("limit".to_owned(), limit.to_string()),
        ];
        let call = ApiCall {
            operation: Operation::List,
            method: Method::GET,
            path: callbacks(account),
            query: filter.into_iter().chain(paging).collect(),
            body: None,
            key: None,
            deadline: None,
        };
        self.execute(token, account, call, |response, secrets| {
            wire::parse_page(&response.body, secrets)
        })
        .await
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
        return Err(failures::failure_before_sending(
            operation,
            Class::Rejected,
            problem,
        ));
    }
    Ok(format!("{}/{}", callbacks(account), percent_encode(id)))
}
