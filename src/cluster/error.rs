//! Why a call to the API server failed, told so that a person can act on it. Makes no call.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kube::client::AuthError;
use tower::BoxError;

use crate::platform::redact::is_obeyed;

/// How much of a foreign text is repeated: a proxy may answer with a page of HTML.
const LONGEST_TEXT: usize = 512;

/// How an API server says that it does not know a resource, where it says it as a Kubernetes API.
const UNKNOWN_RESOURCE: &str = "could not find the requested resource";

/// What is asked for by name, as the API server calls it where it says that there is none of that name.
const ASKED_FOR: [&str; 6] = [
    "recordingcallbacks",
    "customresourcedefinitions",
    "configmaps",
    "secrets",
    "leases",
    "namespaces",
];

/// How an API server tells that an admission webhook refused, and that it could not ask one that it has to.
const OF_A_WEBHOOK: [&str; 2] = ["admission webhook ", "failed calling webhook "];

/// What the client gives for the reason of an answer that is no Status.
const UNPARSED: &str = "Failed to parse error data";

const UNREACHED: &str = "see that the kubeconfig and its context name the right cluster, and that it is up: kubectl cluster-info";
const LOG_IN: &str =
    "log in again: the kubeconfig's credentials have expired, or are of another cluster";
/// What to do where no API server answers.
pub const NO_API: &str =
    "see that the kubeconfig's server is an API server, and what stands between";

const UNSERVED: &str = "this version of RecordingCallback is not served there: see kubectl explain rcb, or install the CRD: \
                        recording-callback-operator crd | kubectl apply --server-side -f -";

/// The program that a kubeconfig's user logs in by gives no credential.
#[derive(Debug, thiserror::Error)]
#[error(
    "the kubeconfig's credential plugin {program:?} {what}: run it by hand to see why, or log in again as it wants it"
)]
pub struct PluginError {
    /// Its name; what stands behind that may be a secret.
    pub program: String,
    /// What it did.
    pub what: String,
}

/// A failed call to the API server. `Display` is the whole sentence: what was tried and why it failed.
#[derive(Debug, Clone)]
pub struct ClusterError {
    op: Cow<'static, str>,
    cause: ErrorCause,
}

#[derive(Debug, Clone)]
enum ErrorCause {
    Timeout(Duration),
    Kube(Arc<kube::Error>),
    NotKept(&'static str),
}

impl ClusterError {
    /// The call `op` ended with an error of the client.
    pub fn new(op: impl Into<Cow<'static, str>>, source: kube::Error) -> Self {
        Self {
            op: op.into(),
            cause: ErrorCause::Kube(Arc::new(source)),
        }
    }

    /// The call `op` was given up after `bound`; whether it had an effect is unknown.
    pub fn timeout(op: impl Into<Cow<'static, str>>, bound: Duration) -> Self {
        Self {
            op: op.into(),
            cause: ErrorCause::Timeout(bound),
        }
    }

    /// The call `op` was answered as done, and of what it wrote this is not as it was written.
    pub fn not_kept(op: impl Into<Cow<'static, str>>, part: &'static str) -> Self {
        Self {
            op: op.into(),
            cause: ErrorCause::NotKept(part),
        }
    }

    /// What was written is not what is stored: something in its way changes it.
    pub fn is_not_kept(&self) -> bool {
        matches!(self.cause, ErrorCause::NotKept(_))
    }

    /// No answer came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause, ErrorCause::Timeout(_))
    }

    /// No API server answered: nothing came, or what stands before it spoke in its place. A call after this one would end alike.
    pub fn is_unanswered(&self) -> bool {
        match (&self.cause, self.status()) {
            (ErrorCause::Timeout(_), _) => true,
            (ErrorCause::NotKept(_), _) => false,
            (_, Some(status)) => status.code >= 500 && status.reason == UNPARSED,
            (ErrorCause::Kube(error), None) => {
                let is_sent = |error: &BoxError| !is_of_the_login(error.as_ref());
                matches!(error.as_ref(), kube::Error::HyperError(_))
                    || matches!(error.as_ref(), kube::Error::Service(error) if is_sent(error))
            }
        }
    }

    /// The API server says that the object does not exist. A page of what stands before it, and an API server that does not know the
    /// resource, or not yet, say nothing of any object.
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(is_of_a_missing_object)
    }

    /// The object is no longer at the version that the write was based on.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_conflict)
    }

    /// An object of this name exists already.
    pub fn is_already_exists(&self) -> bool {
        self.status()
            .is_some_and(kube::core::Status::is_already_exists)
    }

    /// The service account lacks a permission, or the namespace is being deleted.
    pub fn is_forbidden(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_forbidden)
    }

    /// The API server refused the content (422): the schema does not allow it, or a `test` of a JSON patch failed. `has_causes`
    /// tells them apart.
    pub fn is_invalid(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_invalid)
    }

    /// This very call is refused, and will be as long as somebody has it so: a policy, a webhook, a limit, a right that is not granted. Who
    /// is to log in, comes too often or was overtaken is refused otherwise.
    pub fn is_refusal(&self) -> bool {
        self.status().is_some_and(|status| {
            let passes = matches!(status.code, 401 | 404 | 408 | 409 | 429);
            is_of_a_webhook(status) || (matches!(status.code, 400..500) && !passes)
        })
    }

    /// Whether the refusal lists causes. A schema error does; a failed `test` of a JSON patch does not.
    pub fn has_causes(&self) -> bool {
        let details = self.status().and_then(|status| status.details.as_ref());
        details.is_some_and(|details| !details.causes.is_empty())
    }

    /// The API server does not know the resource at all: its definition is missing, or has other versions.
    pub fn is_unserved(&self) -> bool {
        let unserved = |status: &kube::core::Status| {
            let is_of_an_object =
                status.reason == "NotFound" && !status.message.contains(UNKNOWN_RESOURCE);
            status.code == 404 && !is_of_an_object
        };
        self.status().is_some_and(unserved)
    }

    /// The namespace is being deleted, so nothing new may be made there.
    pub fn is_terminating(&self) -> bool {
        self.status().is_some_and(is_of_a_terminating_namespace)
    }

    /// What a person who works by a kubeconfig does about it, if that can be told from the error alone.
    pub fn remedy(&self) -> Option<&'static str> {
        if self.is_unserved() {
            return Some(UNSERVED);
        }
        match self.cause {
            ErrorCause::Timeout(_) => Some(UNREACHED),
            ErrorCause::NotKept(_) => None,
            ErrorCause::Kube(ref error) => match (error.as_ref(), self.status()) {
                (_, Some(status)) => refused(status),
                (kube::Error::Auth(_), _) => Some(LOG_IN),
                // It says itself what to do.
                (kube::Error::Service(error), _) if is_of_the_login(error.as_ref()) => None,
                (kube::Error::Service(_) | kube::Error::HyperError(_), _) => Some(UNREACHED),
                (kube::Error::SerdeError(_) | kube::Error::FromUtf8(_), _) => Some(NO_API),
                _ => None,
            },
        }
    }

    /// The sentence with where it was tried, and what to do.
    pub fn with_remedy(&self, server: &str) -> String {
        match self.remedy() {
            Some(remedy) => format!("{self} [API server {server}]; {remedy}"),
            None => format!("{self} [API server {server}]"),
        }
    }

    fn status(&self) -> Option<&kube::core::Status> {
        let ErrorCause::Kube(error) = &self.cause else {
            return None;
        };
        let kube::Error::Api(status) = error.as_ref() else {
            return None;
        };
        Some(status)
    }
}

impl std::error::Error for ClusterError {}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.op)?;
        match (&self.cause, self.status()) {
            (ErrorCause::Timeout(bound), _) => {
                write!(f, "no answer from the API server in {bound:?}")
            }
            (ErrorCause::NotKept(part), _) => {
                write!(
                    f,
                    "an admission webhook does not leave {part} as it is written"
                )
            }
            (ErrorCause::Kube(_), Some(status)) => {
                let said = one_line(without_quotation(&status.message));
                write!(f, "{said} (HTTP {})", status.code)
            }
            (ErrorCause::Kube(error), None) => f.write_str(&one_line(&chain(error))),
        }
    }
}

/// What an API server says of a patch with fields that it does not know, without the object that it quotes whole before it says it.
fn without_quotation(message: &str) -> &str {
    let at = message.rfind("strict decoding error: ");
    at.and_then(|at| message.get(at..)).unwrap_or(message)
}

/// Why there are no credentials. What a plugin printed may be one, and its command line may hold one.
fn auth(error: &AuthError) -> String {
    if let AuthError::AuthExecRun { out, .. } = error {
        return format!(
            "the kubeconfig's credential plugin ended with {}",
            out.status
        );
    }
    if let AuthError::AuthExecStart(error) = error {
        return format!("the kubeconfig's credential plugin can't be started: {error}");
    }
    if matches!(error, AuthError::AuthExecParse(_)) {
        return "what the kubeconfig's credential plugin printed is no credential".to_owned();
    }
    error.to_string()
}

/// What is wrong with a client that can't be made.
pub(super) fn describe_client_error(error: &kube::Error) -> String {
    one_line(&chain(error))
}

/// Whether there were no credentials to send a request with.
fn is_of_the_login(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| error.source());
    errors.any(<dyn std::error::Error>::is::<PluginError>)
}

/// Whether the API server, and nobody else, says that there is no such object.
fn is_of_a_missing_object(status: &kube::core::Status) -> bool {
    let details = status.details.as_ref();
    let kind = details.map_or("", |details| details.kind.as_str());
    status.code == 404
        && status.reason == "NotFound"
        && !status.message.contains(UNKNOWN_RESOURCE)
        && !is_of_a_webhook(status)
        && (kind.is_empty() || ASKED_FOR.contains(&kind))
}

/// Whether what stands for the API server's answer is that of an admission webhook.
fn is_of_a_webhook(status: &kube::core::Status) -> bool {
    OF_A_WEBHOOK
        .iter()
        .any(|words| status.message.contains(words))
}

/// Whether a refusal is that of a namespace that is being deleted.
fn is_of_a_terminating_namespace(status: &kube::core::Status) -> bool {
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    causes.any(|cause| cause.reason == "NamespaceTerminating")
}

/// Whether what was not found is the namespace, and not something in it.
fn is_of_a_missing_namespace(status: &kube::core::Status) -> bool {
    let details = status.details.as_ref();
    details.is_some_and(|details| details.kind == "namespaces")
}

/// What is done about a refusal.
fn refused(status: &kube::core::Status) -> Option<&'static str> {
    match status.code {
        _ if is_of_a_terminating_namespace(status) => {
            Some("wait until the namespace is gone, and make it again")
        }
        404 if is_of_a_missing_namespace(status) => Some(
            "make the namespace first, or name the right one: kubectl get namespaces, and -n or the context",
        ),
        401 => Some(LOG_IN),
        403 => Some(
            "have this right granted to you: docs/commands.md names those that each command needs",
        ),
        410 => Some("what it told so far has changed too often to go on with: try again"),
        429 => Some("the API server has too much to do: try again in a minute"),
        // A Kubernetes API answers with a Status; this one is of what stands before it.
        500.. if status.reason == UNPARSED => Some(NO_API),
        500.. => Some("try again in a minute; if it stays so, see the API server's log"),
        _ => None,
    }
}

/// The causes of a transport error from outside in: the outermost alone says only "client error (Connect)". The other variants
/// of the client's error repeat their source by themselves.
fn chain(error: &kube::Error) -> String {
    if let kube::Error::Auth(error) = error {
        return auth(error);
    }
    let kube::Error::Service(error) = error else {
        return error.to_string();
    };
    let mut text = String::new();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<AuthError>() {
            return auth(error);
        }
        let colon = if text.is_empty() { "" } else { ": " };
        text = format!("{text}{colon}{error}");
        source = error.source();
    }
    text
}

/// Foreign text on one line and at a sane length.
pub fn one_line(text: &str) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if is_obeyed(c) { ' ' } else { c })
        .collect();
    match clean.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}...", clean.get(..end).unwrap_or_default()),
        None => clean,
    }
}

#[cfg(test)]
mod tests;
