//! The list of record rules, which takes a permission of its own.

use http::Method;

use super::Client;
use super::api_call::ApiCall;
use crate::live::answer::Answer;
use crate::live::rules::{self, RulePage};
use crate::platform::account::Account;
use crate::platform::quota::Token;
use crate::platform::sign::percent_encode;
use crate::terms::failure::{Failure, Operation};

impl Client {
    /// `GET /record/rules`: one page of those of all domains.
    pub async fn record_rules(
        &self,
        token: Token,
        account: &Account,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<RulePage>, Failure> {
        let project = percent_encode(&account.target.project_id);
        let call = ApiCall {
            operation: Operation::List,
            method: Method::GET,
            path: format!("/v1/{project}/record/rules"),
            query: vec![
                ("offset".to_owned(), offset.to_string()),
                ("limit".to_owned(), limit.to_string()),
            ],
            body: None,
            key: None,
            deadline: None,
        };
        self.execute(token, account, call, |response, secrets| {
            rules::parse_page(&response.body, secrets)
        })
        .await
    }
}
