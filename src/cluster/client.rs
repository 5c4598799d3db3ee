//! The way to the API server, and the bound on every call. The only file that makes clients.
//!
//! The environment's proxies and certificate variables are for calls to the cloud; the API server is reached as the kubeconfig
//! or the pod says, whatever stands in them.

mod credential;
mod plugin;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use http::{Request, Response, Uri};
use k8s_openapi::api::core::v1::Namespace;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::config::{
    Cluster, Config, Context, ExecAuthCluster, InClusterError, Kubeconfig, KubeconfigError,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tower::BoxError;
use tower::util::BoxService;

use self::credential::{user, without_a_panic};
pub use self::plugin::Prompts;
use self::plugin::{PluginLayer, PluginLogin};
use super::error::{ClusterError, PluginError, describe_client_error};
use super::in_flight::InFlight;
use super::limits::Limits;
use super::observer::ObserverLayer;
use super::pulse::Pulse;
use crate::similar::did_you_mean;

/// What the client sends requests by.
type RequestService = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// How long a call that is not a watch may take.
pub const CALL_LIMIT: Duration = Duration::from_secs(10);

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Where the operating systems keep the certificate authorities that they trust, most common first.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Awaits `future` for at most `CALL_LIMIT`. Every call but a watch goes through here: the client itself waits for ever.
pub fn call<T>(
    op: impl Into<Cow<'static, str>>,
    future: impl Future<Output = kube::Result<T>>,
) -> impl Future<Output = Result<T, ClusterError>> {
    call_within(CALL_LIMIT, op, future)
}

/// `call` for what may not be there. The client's own way takes any page with the status 404 for the API server's word.
pub fn call_opt<T>(
    op: impl Into<Cow<'static, str>>,
    future: impl Future<Output = kube::Result<T>>,
) -> impl Future<Output = Result<Option<T>, ClusterError>> {
    call(op, future).map(if_there)
}

/// What was asked for by name, if it is there.
pub fn if_there<T>(answer: Result<T, ClusterError>) -> Result<Option<T>, ClusterError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}

/// `call` with another bound.
pub fn call_within<T>(
    bound: Duration,
    op: impl Into<Cow<'static, str>>,
    future: impl Future<Output = kube::Result<T>>,
) -> impl Future<Output = Result<T, ClusterError>> {
    // On the heap before anything waits for it: a request's future is large, and each of the thousands that wait for a call would have room
    // for it in its own, as would an async function for its argument.
    let (op, future) = (op.into(), Box::pin(future));
    async move {
        match tokio::time::timeout(bound, future).await {
            Ok(result) => result.map_err(|error| ClusterError::new(op, error)),
            Err(_) => Err(ClusterError::timeout(op, bound)),
        }
    }
}

/// Why no way to a cluster is known.
#[derive(Debug, thiserror::Error)]
pub enum ClusterAccessError {
    /// Neither a kubeconfig nor a pod.
    #[error(
        "no cluster is known: set KUBECONFIG or --kubeconfig, or run in a pod with a service account ({0})"
    )]
    NoCluster(InClusterError),
    /// All files that were named are missing.
    #[error("no kubeconfig at {0}: correct KUBECONFIG or --kubeconfig")]
    NoFile(String),
    /// `--context` without a kubeconfig.
    #[error("--context {0} needs a kubeconfig: set KUBECONFIG or --kubeconfig")]
    ContextWithoutFile(String),
    /// A kubeconfig is unreadable or does not have what it refers to.
    #[error("kubeconfig: {0}")]
    Kubeconfig(String),
    /// No context is chosen.
    #[error("kubeconfig: no current-context: choose one with --context; there are: {0}")]
    NoContext(String),
    /// The chosen context is not there.
    #[error(
        "kubeconfig: no context {name:?}: choose one with --context; there are: {known}{meant}"
    )]
    UnknownContext {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        meant: String,
        /// What there is.
        known: String,
    },
    /// Something else in the kubeconfig can't be used.
    #[error("kubeconfig: cluster {cluster:?}: {what}")]
    Cluster {
        /// The cluster's name in the file.
        cluster: String,
        /// What is wrong, without the value: it may hold a password.
        what: &'static str,
    },
    /// A user of the kubeconfig can't be used.
    #[error("kubeconfig: user {user:?}: {what}")]
    User {
        /// The user's name in the file.
        user: String,
        /// What is wrong, without the value: it is a secret.
        what: &'static str,
    },
    /// A program that the kubeconfig names gives no credential.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The old way to name such a program gives none.
    #[error(
        "what the kubeconfig's auth-provider gives is no credential: log in again, or name a plugin by exec"
    )]
    Provider,
    /// The client refuses the configuration, a client certificate for instance.
    #[error("cannot set up the connection to the API server: {}", describe_client_error(.0))]
    Client(kube::Error),
}

impl From<KubeconfigError> for ClusterAccessError {
    fn from(error: KubeconfigError) -> Self {
        Self::Kubeconfig(unparsable(error))
    }
}

fn unparsable(error: KubeconfigError) -> String {
    let KubeconfigError::Parse(error) = error else {
        return error.to_string();
    };
    // What the parser says quotes the lines around, tokens and keys included.
    let place = error.location().map_or_else(String::new, |location| {
        format!(" at line {} column {}", location.line(), location.column())
    });
    format!("not YAML, or not a kubeconfig{place}")
}

/// A cluster that is known how to reach. Makes as many clients, each with connections of its own, as are asked for.
#[derive(Clone)]
pub struct ClusterAccess {
    config: Config,
    /// Who logs in by a program.
    login: Option<Arc<PluginLogin>>,
}

impl ClusterAccess {
    /// The cluster of the kubeconfig files in `named`, merged; when none is named, of the file `usual` if it exists; else the one
    /// that this process is a pod of.
    pub fn find(
        named: &[PathBuf],
        usual: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ClusterAccessError> {
        let mut files = meant(named, usual);
        files.retain(|file| file.exists());
        let mut config = if !files.is_empty() {
            from_files(&files, context)?
        } else if let Some(context) = context {
            return Err(ClusterAccessError::ContextWithoutFile(context.to_owned()));
        } else if named.is_empty() {
            Config::incluster_env().map_err(ClusterAccessError::NoCluster)?
        } else {
            return Err(ClusterAccessError::NoFile(join(
                named.iter().map(|file| file.display()),
            )));
        };
        config.connect_timeout = Some(CONNECT_LIMIT);
        config.default_retry = false;
        Ok(Self {
            config,
            login: None,
        })
    }

    /// A client with a connection pool of its own.
    pub fn client(&self) -> Result<kube::Client, ClusterAccessError> {
        Ok(self.builder()?.build())
    }

    /// A client whose lists and watches are bounded, and whose watches give signs of life.
    pub fn client_with(&self, pulse: &Pulse) -> Result<kube::Client, ClusterAccessError> {
        let limited = self.builder()?.with_layer(&Limits::default());
        Ok(limited.with_layer(&ObserverLayer(pulse.clone())).build())
    }

    /// A client through whose requests something else looks, too.
    pub fn client_through(&self, seen: &InFlight) -> Result<kube::Client, ClusterAccessError> {
        let seen = ObserverLayer(seen.clone());
        Ok(self.builder()?.with_layer(&seen).build())
    }

    fn builder(&self) -> Result<ClientBuilder<RequestService>, ClusterAccessError> {
        let made = without_a_panic(|| ClientBuilder::try_from(self.config.clone()));
        let made = made.ok_or(ClusterAccessError::Provider)?;
        let made = made.map_err(ClusterAccessError::Client)?;
        Ok(made.with_layer(&PluginLayer(self.login.clone())))
    }

    /// The address of the API server, for logs, without the user and password that it may have.
    pub fn server(&self) -> String {
        let url = &self.config.cluster_url;
        let authority = url.authority().map_or("", http::uri::Authority::as_str);
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let scheme = url.scheme_str().unwrap_or("https");
        format!("{scheme}://{host}{path}", path = url.path())
    }
}

/// The kubeconfig files: those that are named, else the usual one.
fn meant<'a>(named: &'a [PathBuf], usual: Option<&'a Path>) -> Vec<&'a Path> {
    let mut files: Vec<&Path> = named.iter().map(PathBuf::as_path).collect();
    if files.is_empty() {
        files.extend(usual);
    }
    files
}

/// Why a kubeconfig can't be read, with its path: there may be several.
fn unreadable(file: &Path, error: KubeconfigError) -> ClusterAccessError {
    let what = if let KubeconfigError::ReadConfig(error, _) = error {
        format!("can't be read: {error}")
    } else {
        unparsable(error)
    };
    ClusterAccessError::Kubeconfig(format!("{}: {what}", file.display()))
}

/// As the client's own loader, save that no variable of the environment has a say: that loader takes `HTTPS_PROXY` for the API
/// server, compares `NO_PROXY` with the address of the proxy, and fails on an entry of it that it can't read.
fn from_files(files: &[&Path], context: Option<&str>) -> Result<Config, ClusterAccessError> {
    let mut kubeconfig = Kubeconfig::default();
    for file in files {
        let next = Kubeconfig::read_from(file).map_err(|error| unreadable(file, error))?;
        kubeconfig = kubeconfig.merge(next)?;
    }
    let context = chosen_context(&kubeconfig, context)?;
    let name = &context.cluster;
    let bad = |what| ClusterAccessError::Cluster {
        cluster: name.clone(),
        what,
    };
    let mut clusters = kubeconfig.clusters.iter();
    let cluster = clusters.find(|cluster| cluster.name == *name);
    let cluster = cluster.and_then(|named| named.cluster.clone());
    let cluster = cluster.ok_or_else(|| bad("is not in the file"))?;
    let server = cluster.server.as_deref().unwrap_or_default();
    let mut config = Config::new(server.parse().map_err(|_| bad("its server is not a URL"))?);
    if config.cluster_url.scheme().is_none() {
        return Err(bad("its server needs https:// in front"));
    }
    // An empty one is none, as for kubectl: in a path it would be every namespace.
    let namespace = context.namespace.clone().filter(|name| !name.is_empty());
    config.default_namespace = namespace.unwrap_or_else(|| "default".to_owned());
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or_default();
    config.root_cert = trusted(&cluster, &config, &bad)?;
    config.proxy_url = proxy(&cluster, &bad)?;
    config.auth_info = user(&kubeconfig, &context, &cluster)?;
    config.disable_compression = cluster.disable_compression.unwrap_or_default();
    config.tls_server_name = cluster.tls_server_name;
    Ok(config)
}

fn chosen_context(
    kubeconfig: &Kubeconfig,
    wanted: Option<&str>,
) -> Result<Context, ClusterAccessError> {
    let known = || join(kubeconfig.contexts.iter().map(|context| &context.name));
    let current = kubeconfig
        .current_context
        .as_deref()
        .filter(|name| !name.is_empty());
    let name = wanted
        .or(current)
        .ok_or_else(|| ClusterAccessError::NoContext(known()))?;
    let mut contexts = kubeconfig.contexts.iter();
    let context = contexts.find(|context| context.name == name);
    context
        .and_then(|context| context.context.clone())
        .ok_or_else(|| ClusterAccessError::UnknownContext {
            name: name.to_owned(),
            meant: did_you_mean(
                name,
                kubeconfig.contexts.iter().map(|known| known.name.as_str()),
            ),
            known: known(),
        })
}

/// The names of the namespaces.
pub async fn namespaces(client: kube::Client) -> Result<Vec<String>, ClusterError> {
    let api = kube::Api::<Namespace>::all(client);
    let params = kube::api::ListParams::default();
    let listed = call("list the namespaces", api.list_metadata(&params)).await?;
    let names = listed.items.iter().map(kube::ResourceExt::name_any);
    Ok(names.collect())
}

/// The names of the contexts of the kubeconfig files that are meant; none where they can't be read.
pub fn contexts(named: &[PathBuf], usual: Option<&Path>) -> Vec<String> {
    let files = meant(named, usual).into_iter();
    let read = files.filter_map(|file| Kubeconfig::read_from(file).ok());
    read.flat_map(|kubeconfig| kubeconfig.contexts)
        .map(|context| context.name)
        .collect()
}

/// The certificate authorities of the cluster: those of the file, else those of the operating system. Where none is needed, an
/// empty set: left unset, the client would go by `SSL_CERT_FILE` and end with an error when that is wrong.
fn trusted(
    cluster: &Cluster,
    config: &Config,
    bad: &impl Fn(&'static str) -> ClusterAccessError,
) -> Result<Option<Vec<Vec<u8>>>, ClusterAccessError> {
    if let Some(pem) = ExecAuthCluster::try_from(cluster)?.certificate_authority_data {
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| bad("its certificate authority is not PEM"))?;
        if certificates.is_empty() {
            return Err(bad("its certificate authority has no certificate"));
        }
        return Ok(Some(certificates.iter().map(|der| der.to_vec()).collect()));
    }
    let is_https = config.cluster_url.scheme_str() == Some("https");
    if config.accept_invalid_certs || !is_https {
        return Ok(Some(Vec::new()));
    }
    let mut bundles = SYSTEM_BUNDLES.iter();
    let bundle = bundles.find_map(|path| std::fs::read(path).ok());
    Ok(bundle.map(|pem| {
        let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        let usable = |der: &CertificateDer<'_>| RootCertStore::empty().add(der.clone()).is_ok();
        certificates
            .filter(usable)
            .map(|der| der.to_vec())
            .collect()
    }))
}

fn proxy(
    cluster: &Cluster,
    bad: &impl Fn(&'static str) -> ClusterAccessError,
) -> Result<Option<Uri>, ClusterAccessError> {
    let Some(url) = cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let url: Uri = url.parse().map_err(|_| bad("its proxy-url is not a URL"))?;
    match url.scheme_str() {
        Some("http" | "https") => Ok(Some(url)),
        _ => Err(bad("its proxy-url must start with http:// or https://")),
    }
}

fn join(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests;
