//! The program that a kubeconfig's user logs in by, run as kubectl runs it: once, and again when its credential has expired or is refused.
//! The client's own way runs it three times for each client. No word of a credential is ever told.

use std::io::{IsTerminal as _, stdin};
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use kube::client::{Body, DynBody};
use kube::config::{ExecConfig, ExecInteractiveMode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;
use tower::buffer::Buffer;
use tower::util::BoxService;
use tower::{BoxError, Layer, Service};

use super::{ClusterAccess, ClusterAccessError, RequestService};
use crate::cluster::error::{PluginError, one_line};

/// As many requests as the client itself lets wait.
const WAITING: usize = 1024;
/// What expires so soon may have expired when it arrives.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// Whether the program may talk with whoever runs this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompts {
    /// As kubectl lets it.
    Shown,
    /// Nobody is there to answer, and what it says would stand where it does not belong.
    Hidden,
}

impl ClusterAccess {
    /// The same with the credential of the program that the kubeconfig names, if it does: all clients share it.
    pub async fn logged_in(mut self, prompts: Prompts) -> Result<Self, ClusterAccessError> {
        let user = &mut self.config.auth_info;
        let has_token = user.token.is_some() || user.token_file.is_some();
        let has_password = user.username.is_some() && user.password.is_some();
        if has_token || has_password || user.auth_provider.is_some() {
            // These go before a program.
            return Ok(self);
        }
        let Some(exec) = user.exec.take() else {
            return Ok(self);
        };
        let mut credential = PluginCredential::of(&exec, prompts).await?;
        if let Some((certificate, key)) = credential.certificate.take() {
            user.client_certificate_data = Some(BASE64_STANDARD.encode(certificate));
            let key = BASE64_STANDARD.encode(key.expose_secret());
            user.client_key_data = Some(key.into());
        }
        self.login = Some(Arc::new(PluginLogin::new(exec, prompts, credential)));
        Ok(self)
    }
}

/// What the program gives.
struct PluginCredential {
    token: Option<HeaderValue>,
    /// A certificate and its key.
    certificate: Option<(String, SecretString)>,
    expires: Option<Timestamp>,
}

/// What the program prints.
#[derive(Deserialize)]
struct ExecCredential {
    status: ExecCredentialStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

impl PluginCredential {
    /// Runs the program.
    async fn of(exec: &ExecConfig, prompts: Prompts) -> Result<Self, PluginError> {
        let program = exec.command.as_deref().unwrap_or_default();
        let failed = |what: &str| PluginError {
            program: one_line(program),
            what: one_line(what),
        };
        let output = command(exec, program, prompts).spawn();
        let output = output.map_err(|error| {
            let hint = exec.install_hint.as_deref().unwrap_or_default();
            failed(&format!("can't be started: {error}. {hint}"))
        })?;
        let output = output.wait_with_output().await;
        let output = output.map_err(|error| failed(&format!("has no end: {error}")))?;
        if !output.status.success() {
            return Err(failed(&format!("ended with {}", output.status)));
        }
        Self::parse(&output.stdout).ok_or_else(|| failed("printed no credential"))
    }

    fn parse(printed: &[u8]) -> Option<Self> {
        // Some print YAML, which kubectl takes.
        let printed: ExecCredential = serde_saphyr::from_slice(printed).ok()?;
        let status = printed.status;
        let token = status.token.filter(|token| !token.is_empty());
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}")));
        let mut token = token.transpose().ok()?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        let certificate = status.client_certificate_data.zip(status.client_key_data);
        let certificate = certificate.map(|(certificate, key)| (certificate, key.into()));
        (token.is_some() || certificate.is_some()).then_some(Self {
            token,
            certificate,
            expires: status.expiration_timestamp,
        })
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "whoever made the credential went by the same clock"
    )]
    fn is_usable(&self) -> bool {
        let is_later = |expires| Timestamp::now() + MARGIN < expires;
        self.expires.is_none_or(is_later)
    }
}

fn command(exec: &ExecConfig, program: &str, prompts: Prompts) -> Command {
    let is_interactive = prompts == Prompts::Shown
        && match exec.interactive_mode {
            Some(ExecInteractiveMode::Never) => false,
            Some(ExecInteractiveMode::Always) => true,
            Some(ExecInteractiveMode::IfAvailable) | None => stdin().is_terminal(),
        };
    let info = json!({
        "apiVersion": exec.api_version, "kind": "ExecCredential",
        "spec": { "interactive": is_interactive, "cluster": exec.cluster },
    });
    let env = exec.env.iter().flatten();
    let env = env.filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    let (input, errors) = (
        if is_interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        },
        match prompts {
            Prompts::Shown => Stdio::inherit(),
            Prompts::Hidden => Stdio::null(),
        },
    );
    let mut command = Command::new(program);
    command
        .args(exec.args.iter().flatten())
        .envs(env)
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(errors)
        .kill_on_drop(true);
    command
}

/// A user that logs in by a program.
pub(super) struct PluginLogin {
    exec: ExecConfig,
    prompts: Prompts,
    /// What it gave last, until that is refused.
    held: Mutex<Option<PluginCredential>>,
}

impl PluginLogin {
    fn new(exec: ExecConfig, prompts: Prompts, held: PluginCredential) -> Self {
        Self {
            exec,
            prompts,
            held: Mutex::new(Some(held)),
        }
    }

    /// What a request says, which may have to wait for the program.
    async fn token(&self) -> Result<Option<HeaderValue>, PluginError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.is_usable()) {
            return Ok(held.token.clone());
        }
        let renewed = PluginCredential::of(&self.exec, self.prompts).await?;
        Ok(held.insert(renewed).token.clone())
    }

    /// That a request with this token was refused.
    async fn refused(&self, token: &HeaderValue) {
        let mut held = self.held.lock().await;
        held.take_if(|held| held.token.as_ref() == Some(token));
    }
}

/// Lets the requests of a service say who sends them.
#[derive(Clone)]
pub(super) struct PluginLayer(pub(super) Option<Arc<PluginLogin>>);

impl Layer<RequestService> for PluginLayer {
    type Service = RequestService;

    fn layer(&self, inner: RequestService) -> RequestService {
        match &self.0 {
            None => inner,
            Some(login) => BoxService::new(LoggedIn {
                inner: Buffer::new(inner, WAITING),
                login: Arc::clone(login),
            }),
        }
    }
}

type SharedService = Buffer<Request<Body>, <RequestService as Service<Request<Body>>>::Future>;

struct LoggedIn {
    inner: SharedService,
    login: Arc<PluginLogin>,
}

impl Service<Request<Body>> for LoggedIn {
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let login = Arc::clone(&self.login);
        Box::pin(async move {
            let Some(token) = login.token().await? else {
                return inner.call(request).await;
            };
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, token.clone());
            let response = inner.call(request).await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                login.refused(&token).await;
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Shared;

    use http_body_util::BodyExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::lock::lock;

    /// Logs in by a script that counts how often it ran, in a file, and gives that number as token.
    fn exec(ran: &std::path::Path, expires: &str) -> ExecConfig {
        let script = format!(
            "echo >> {ran}; n=0; while read -r _; do n=$((n + 1)); done < {ran}; \
             echo \"{{status: {{token: t$n, expirationTimestamp: '{expires}'}}}}\"",
            ran = ran.display()
        );
        ExecConfig {
            command: Some("/bin/sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script]),
            ..ExecConfig::default()
        }
    }

    /// The tokens of four requests, of which those with `refused` are.
    async fn tokens(expires: &str, refused: &'static str) -> Vec<String> {
        let directory = tempfile::TempDir::new().unwrap();
        let exec = exec(&directory.path().join("ran"), expires);
        let credential = PluginCredential::of(&exec, Prompts::Hidden).await.unwrap();
        let login = Arc::new(PluginLogin::new(exec, Prompts::Hidden, credential));
        let seen = Arc::new(Shared::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let inner = service_fn(move |request: Request<Body>| {
            let token = request.headers()[header::AUTHORIZATION]
                .to_str()
                .unwrap()
                .to_owned();
            let body: Box<DynBody> = Box::new(Body::empty().map_err(BoxError::from));
            let mut answer = Response::new(body);
            if token == refused {
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
            }
            lock(&kept).push(token);
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let mut service = PluginLayer(Some(login)).layer(BoxService::new(inner));
        for _ in 0..4 {
            let ready = service.ready().await.unwrap();
            ready.call(Request::new(Body::empty())).await.unwrap();
        }
        lock(&seen).clone()
    }

    #[tokio::test]
    async fn a_credential_serves_until_it_expires_or_is_refused() {
        let later = "2999-01-01T00:00:00Z";
        assert_eq!(tokens(later, "").await, ["Bearer t1"; 4]);
        let renewed = ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t2"];
        assert_eq!(tokens(later, "Bearer t1").await, renewed);
        let expired = tokens("2001-01-01T00:00:00Z", "").await;
        assert_eq!(
            expired,
            ["Bearer t2", "Bearer t3", "Bearer t4", "Bearer t5"]
        );
    }
}
