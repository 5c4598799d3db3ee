//! What a call proves its identity with, and the request that is made with it. What is not at hand is asked for here; nothing is sent to
//! Live.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::live::client::Client;
use crate::live::client::api_call::ApiCall;
use crate::platform::account::Account;
use crate::platform::credentials::{Credential, KeyPair};
use crate::platform::failures;
use crate::platform::redact::Redactor;
use crate::platform::request::Draft;
use crate::platform::temporary::TemporaryKeys;
use crate::platform::transport::Request;
use crate::terms::failure::{Class, Failure, Operation};

const JSON: &str = "application/json";

/// What there is to prove an identity with.
pub(super) enum IdentityProof<'a> {
    /// A key out of the Secret.
    Key(&'a KeyPair),
    /// A token out of the Secret.
    Token(&'a SecretString),
    /// A token that IAM made for us.
    MadeToken(SecretString),
    /// A key that was made for us.
    MadeKey(&'a Arc<TemporaryKeys>, KeyPair),
}

/// What a request proved its identity with.
pub(super) enum RequestAuth {
    /// A signature with this date.
    Signed(Timestamp),
    /// A token out of the Secret.
    GivenToken,
    /// A token that IAM made for us.
    MadeToken(SecretString),
    /// A signature with a key that was made for us.
    MadeKey {
        from: Arc<TemporaryKeys>,
        pair: KeyPair,
        /// The date of the signature.
        date: Timestamp,
    },
}

impl Client {
    /// What proves the identity of an account: at once, or after a login or an exchange of keys, which goes on where this is given up.
    pub(super) async fn proof<'a>(
        &self,
        account: &'a Account,
        operation: Operation,
    ) -> Result<IdentityProof<'a>, Failure> {
        Ok(match &*account.credential {
            Credential::AkSk(pair) => IdentityProof::Key(pair),
            Credential::Token(token) => IdentityProof::Token(token),
            Credential::Password(user) => {
                IdentityProof::MadeToken(self.iam.token(account, user, operation).await?)
            }
            Credential::Ambient(temporary) => {
                let pair = temporary.key(operation).await;
                let pair = pair.map_err(|problem| problem.into_failure(operation))?;
                IdentityProof::MadeKey(temporary, pair)
            }
        })
    }

    /// The request, dated as if the cloud's clock were so far `ahead`, where that is given.
    pub(super) fn request(
        &self,
        account: &Account,
        call: &ApiCall<'_>,
        ahead: Option<SignedDuration>,
        proof: IdentityProof<'_>,
        secrets: &mut Redactor,
    ) -> Result<(Request, RequestAuth), Failure> {
        let endpoint = &account.target.endpoint;
        let now = || match ahead {
            Some(ahead) => self.clock.ahead(ahead),
            None => self.clock.now(endpoint),
        };
        let draft = Draft {
            method: call.method.clone(),
            endpoint,
            path: &call.path,
            query: &call.query,
            headers: vec![
                ("content-type", JSON.to_owned()),
                ("x-project-id", account.target.project_id.clone()),
            ],
            body: call.body.clone(),
        };
        let (request, auth) = match proof {
            IdentityProof::Key(pair) => {
                let date = now();
                (draft.signed(pair, date, secrets), RequestAuth::Signed(date))
            }
            IdentityProof::Token(token) => {
                (draft.with_token(token, secrets), RequestAuth::GivenToken)
            }
            IdentityProof::MadeToken(token) => {
                let request = draft.with_token(&token, secrets);
                (request, RequestAuth::MadeToken(token))
            }
            IdentityProof::MadeKey(from, pair) => {
                let (date, from) = (now(), Arc::clone(from));
                let request = draft.signed(&pair, date, secrets);
                (request, RequestAuth::MadeKey { from, pair, date })
            }
        };
        let problem = "project id or credential has a character that a header can't hold";
        let request = request.ok_or_else(|| {
            failures::failure_before_sending(call.operation, Class::Rejected, problem)
        })?;
        Ok((request, auth))
    }
}
