//! How each source gives a key: the calls, in the form of the cloud's SDK. A source that fails is not replaced by another.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::Method;
use secrecy::{ExposeSecret, SecretString};

use crate::platform::failures;
use crate::platform::keys::KeyPair;
use crate::platform::lifetime::lifetime;
use crate::platform::redact::{MAX_TEXT, Redactor};
use crate::platform::request::Draft;
use crate::platform::service::{ServiceAddress, ServiceClient};
use crate::platform::temporary::key_error::TemporaryKeyError;
use crate::platform::temporary::source::{IdToken, KeySource, Sts};
use crate::platform::temporary::wire;
use crate::platform::transport::Response;
use crate::terms::failure::{Failure, Operation};

const JSON: (&str, &str) = ("content-type", "application/json;charset=UTF-8");
/// How long a token of the metadata service is to live, in seconds. It is used at once.
const METADATA_TOKEN_LIFE: &str = "60";
/// How long a key serves that was issued just now and has expired already, by its date and our clock: a source without a `Date` can't be
/// asked for its own. One that has expired indeed is refused by Live, and replaced.
const LIFE_OF_EXPIRED: Duration = Duration::from_mins(5);
const NO_AGENCY: &str = "Please configure Cloud Service Agency first";

/// How services are reached.
#[derive(Clone)]
pub struct ServiceClients {
    /// Those of the cloud.
    pub cloud: ServiceClient,
    /// Those on this machine: never by a proxy.
    pub direct: ServiceClient,
}

/// A key, and how long it lives from now on.
pub(super) struct IssuedKey {
    pub(super) pair: KeyPair,
    pub(super) life: Duration,
}

/// One call of a source.
struct ExchangeRequest<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A service with the way to it, for one purpose.
struct KeyExchange<'a> {
    client: &'a ServiceClient,
    service: ServiceAddress<'a>,
    operation: Operation,
}

impl KeySource {
    /// Asks for a key.
    pub(super) async fn exchange(
        &self,
        clients: &ServiceClients,
        operation: Operation,
    ) -> Result<IssuedKey, TemporaryKeyError> {
        let exchange = |client, name, endpoint| KeyExchange {
            client,
            service: ServiceAddress { name, endpoint },
            operation,
        };
        match self {
            Self::Sts(sts) => {
                exchange(&clients.cloud, "STS", &sts.endpoint)
                    .assume(sts)
                    .await
            }
            Self::Federation {
                endpoint,
                idp_id,
                token_file,
            } => {
                let iam = exchange(&clients.cloud, "IAM", endpoint);
                iam.federate(idp_id, token_file).await
            }
            Self::Pod {
                endpoint,
                path,
                token_file,
                is_local,
            } => {
                let client = if *is_local {
                    &clients.direct
                } else {
                    &clients.cloud
                };
                let agent = exchange(client, self.name(), endpoint);
                agent.identify(path, token_file).await
            }
            Self::Metadata { endpoint } => {
                exchange(&clients.direct, self.name(), endpoint)
                    .exchange_metadata()
                    .await
            }
        }
    }
}

impl KeyExchange<'_> {
    /// STS: an identity token for the key of an agency.
    async fn assume(&self, sts: &Sts) -> Result<IssuedKey, TemporaryKeyError> {
        let token = match &sts.token {
            IdToken::Value(token) => token.clone(),
            IdToken::File(path) => read(path)?,
        };
        let request = ExchangeRequest {
            method: Method::POST,
            path: "/v5/agencies/assume-with-oidc",
            headers: vec![(JSON.0, JSON.1.to_owned())],
            body: wire::assume_request(sts, &token),
        };
        let response = self.ask(request, &[&token]).await?;
        self.read_key(&response)
    }

    /// IAM: an identity token for a token, and that for a key.
    async fn federate(
        &self,
        idp_id: &str,
        token_file: &Path,
    ) -> Result<IssuedKey, TemporaryKeyError> {
        let token = read(token_file)?;
        let request = ExchangeRequest {
            method: Method::POST,
            path: "/v3.0/OS-AUTH/id-token/tokens",
            headers: vec![(JSON.0, JSON.1.to_owned()), ("x-idp-id", idp_id.to_owned())],
            body: wire::token_request(&token),
        };
        let response = self.ask(request, &[&token]).await?;
        let issued = response.headers.get("x-subject-token");
        let issued = issued.and_then(|token| token.to_str().ok());
        let issued: SecretString = issued
            .ok_or_else(|| self.unreadable(&response, "the answer has no X-Subject-Token"))?
            .into();
        let request = ExchangeRequest {
            method: Method::POST,
            path: "/v3.0/OS-CREDENTIAL/securitytokens",
            headers: vec![(JSON.0, JSON.1.to_owned())],
            body: wire::key_request(&issued),
        };
        let response = self.ask(request, &[&token, &issued]).await?;
        self.read_key(&response)
    }

    /// The agent of a cluster: a pod's token for a key.
    async fn identify(
        &self,
        path: &str,
        token_file: &Path,
    ) -> Result<IssuedKey, TemporaryKeyError> {
        let token = read(token_file)?;
        let request = ExchangeRequest {
            method: Method::POST,
            path,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("authorization", token.expose_secret().to_owned()),
            ],
            body: "{}".to_owned(),
        };
        let response = self.ask(request, &[&token]).await?;
        self.read_key(&response)
    }

    /// The machine's key. A metadata service that knows no tokens is asked without.
    async fn exchange_metadata(&self) -> Result<IssuedKey, TemporaryKeyError> {
        let life = METADATA_TOKEN_LIFE.to_owned();
        let request = ExchangeRequest {
            method: Method::PUT,
            path: "/meta-data/latest/api/token",
            headers: vec![("x-metadata-token-ttl-seconds", life)],
            body: String::new(),
        };
        let token = match self.ask(request, &[]).await {
            Ok(response) => Some(SecretString::from(
                String::from_utf8_lossy(&response.body).trim(),
            )),
            Err(TemporaryKeyError::Failed(failure))
                if matches!(failure.http_status, Some(404 | 405 | 503)) =>
            {
                None
            }
            Err(problem) => return Err(self.no_machine(problem)),
        };
        let header = |token: &SecretString| ("x-metadata-token", token.expose_secret().to_owned());
        let request = ExchangeRequest {
            method: Method::GET,
            path: "/openstack/latest/securitykey",
            headers: token.iter().map(header).collect(),
            body: String::new(),
        };
        let secrets: Vec<&SecretString> = token.iter().collect();
        let response = self.ask(request, &secrets).await;
        self.read_key(&response.map_err(|problem| self.no_machine(problem))?)
    }

    /// Not every machine has metadata, or an agency: that it gives no key is nobody's outage, unless it says so itself.
    fn no_machine(&self, problem: TemporaryKeyError) -> TemporaryKeyError {
        match problem {
            TemporaryKeyError::Failed(failure) if failure.message.contains(NO_AGENCY) => {
                TemporaryKeyError::Missing("the machine has no agency".to_owned())
            }
            TemporaryKeyError::Failed(failure)
                if failure.http_status.is_none_or(|status| status < 500) =>
            {
                let name = format!("{}: ", self.service.name);
                let message = failure.message.strip_prefix(&name);
                TemporaryKeyError::Missing(message.unwrap_or(&failure.message).to_owned())
            }
            problem @ (TemporaryKeyError::Missing(_) | TemporaryKeyError::Failed(_)) => problem,
        }
    }

    /// One call whose texts may hold these secrets.
    async fn ask(
        &self,
        request: ExchangeRequest<'_>,
        hidden: &[&SecretString],
    ) -> Result<Response, TemporaryKeyError> {
        let mut secrets = Redactor::new();
        for secret in hidden {
            secrets.hide(secret.expose_secret());
        }
        let draft = Draft {
            method: request.method.clone(),
            endpoint: self.service.endpoint,
            path: request.path,
            query: &[],
            headers: request.headers,
            body: (request.method != Method::GET).then(|| Bytes::from(request.body)),
        };
        let sent = self
            .client
            .send(self.service, draft.bare(), self.operation, &secrets)
            .await;
        let reply = sent.map_err(TemporaryKeyError::Failed)?;
        reply.result.map_err(TemporaryKeyError::Failed)
    }

    fn read_key(&self, response: &Response) -> Result<IssuedKey, TemporaryKeyError> {
        let (pair, expires_at) =
            wire::key(&response.body).map_err(|problem| self.unreadable(response, problem))?;
        let mut life = lifetime(expires_at, self.client.now(self.service));
        if life.is_zero() {
            life = LIFE_OF_EXPIRED;
        }
        Ok(IssuedKey { pair, life })
    }

    fn unreadable(&self, response: &Response, problem: &str) -> TemporaryKeyError {
        let failure: Failure =
            failures::failure_of_unreadable(self.operation, response, problem, &Redactor::new());
        TemporaryKeyError::Failed(self.service.as_not_sent(failure))
    }
}

/// A token out of a file, which somebody else renews.
fn read(path: &Path) -> Result<SecretString, TemporaryKeyError> {
    let missing = |problem: &str| {
        let sentence = format!("the file {} {problem}", path.display());
        TemporaryKeyError::Missing(Redactor::new().clean(&sentence, MAX_TEXT))
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| missing(&format!("can't be read: {error}")))?;
    match text.trim() {
        "" => Err(missing("is empty")),
        token => Ok(token.into()),
    }
}
