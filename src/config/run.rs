//! The flags of `run`, and the configuration they make. Checks only what can be told from the values; beside them it reads the name of the
//! host, and nothing else.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Args};

use super::ClusterArgs;
use super::cloud::endpoints;
use super::duration::{between, show};
use super::names::{self, Grant, Namespaces};
use crate::log::{Format, Level};
use crate::platform::endpoint::AllowList;

/// How much longer than a request a change may take to become visible, at least.
pub(super) const SETTLE_MARGIN: Duration = Duration::from_secs(5);

const MILLISECONDS_100: Duration = Duration::from_millis(100);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

/// What the controller goes by: the flags of `run`, whose help says what each is. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
// Other commands go by KUBECONFIG alone.
#[command(mut_arg("context", |context| context.env("CONTEXT")))]
pub struct RunConfig {
    /// Which cluster
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Namespaces to serve, separated by commas [default: every namespace]
    #[arg(long, env, value_name = "NAMES", default_value = "", hide_default_value = true,
          value_parser = Namespaces::parse)]
    pub namespaces: Namespaces,
    /// Serve only objects with these labels [default: all]
    #[arg(long, env, value_name = "SELECTOR", value_parser = super::selector::check)]
    pub label_selector: Option<String>,
    /// Act only while holding the Lease
    #[arg(long, env, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    pub leader_elect: bool,
    /// Name of the Lease
    #[arg(long, env, value_name = "NAME", default_value = "recording-callback-operator",
          value_parser = names::subdomain)]
    pub lease_name: String,
    /// Namespace of the Lease [default: the pod's, else the kubeconfig's]
    #[arg(long, env, value_name = "NAMESPACE", value_parser = names::label)]
    pub lease_namespace: Option<String>,
    /// How long the Lease holds without being renewed, in whole seconds
    #[arg(long, env, value_name = "DURATION", default_value = "15s", value_parser = lease_duration)]
    pub lease_duration: Duration,
    /// Address of /metrics, /livez and /readyz; [::] is 0.0.0.0 where IPv6 is off
    #[arg(long, env, value_name = "ADDRESS", default_value = "[::]:8080", value_parser = listen)]
    pub listen: SocketAddr,
    /// Calls a minute for each cloud identity; the cloud allows 300 to all its callers, unless it has raised that for the account
    #[arg(long, env, value_name = "NUMBER", default_value_t = 270,
          value_parser = clap::value_parser!(u32).range(1..=600_000))]
    pub requests_per_minute: u32,
    /// How often what the cloud holds is compared with what is declared
    #[arg(long, env, value_name = "DURATION", default_value = "10m",
          value_parser = between(MILLISECONDS_100, DAY))]
    pub resync_interval: Duration,
    /// How often each Secret in use is read
    #[arg(long, env, value_name = "DURATION", default_value = "1m",
          value_parser = between(MILLISECONDS_100, DAY))]
    pub secret_poll_interval: Duration,
    /// Bound on one call to the cloud
    #[arg(long, env, value_name = "DURATION", default_value = "15s",
          value_parser = between(MILLISECONDS_100, Duration::from_mins(2)))]
    pub request_timeout: Duration,
    /// How long a change may take to become visible at the cloud; at least --request-timeout + 5s
    #[arg(long, env, value_name = "DURATION", default_value = "30s",
          value_parser = between(SETTLE_MARGIN, HOUR))]
    pub settle_time: Duration,
    /// How long the same rejection must last to count as stalled
    #[arg(long, env, value_name = "DURATION", default_value = "10m",
          value_parser = between(SECOND, DAY))]
    pub stall_after: Duration,
    /// Look, but change nothing at the cloud
    #[arg(long, env, value_name = "BOOL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    pub read_only: bool,
    /// Read the CRD, to refuse an older one and to let objects go when it is deleted; without the right to, say false
    #[arg(long, env, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    pub check_crd: bool,
    /// Where calls to the cloud may go: [http://]host[:port], separated by commas; * is one label of a host
    #[arg(long, env, value_name = "ENDPOINTS", default_value_t,
          value_parser = endpoints)]
    pub allowed_endpoints: AllowList,
    /// Namespaces whose objects may do without a Secret and use the operator's own credentials, separated by commas; * is all [default: none]
    #[arg(long, env, value_name = "NAMES", default_value = "", hide_default_value = true,
          value_parser = Grant::parse)]
    pub ambient_credentials_namespaces: Grant,
    /// How log lines look
    #[arg(long, env, value_name = "FORMAT", default_value = "json", value_enum)]
    pub log_format: Format,
    /// error, warn, info, debug, trace or off; or target=level, separated by commas
    #[arg(long, env, value_name = "LEVEL", default_value = "info", value_parser = Level::parse)]
    pub log_level: Level,
    /// How many objects are worked on at once
    #[arg(long, env, value_name = "NUMBER", default_value_t = 32,
          value_parser = clap::value_parser!(u16).range(1..=256).map(usize::from))]
    pub concurrency: usize,
    /// Name of this pod in the Lease [default: the host's]
    #[arg(long = "pod-name", env = "POD_NAME", hide = true, value_name = "NAME", default_value_t = host_name())]
    pub host_name: String,
}

impl RunConfig {
    /// The same, once it is known that the values go together. An error is a sentence for whoever set them.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        let least = self.request_timeout + SETTLE_MARGIN;
        if self.settle_time < least {
            return Err(format!(
                "--settle-time {} is too short for --request-timeout {}: it must be at least 5s longer, {}",
                show(self.settle_time),
                show(self.request_timeout),
                show(least),
            ));
        }
        self.label_selector.take_if(|selector| selector.is_empty());
        Ok(self)
    }
}

/// An address and port; `:8080` is the port at every address.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let wrong =
        || format!("{text:?} is not an address: write for instance [::]:8080 or 127.0.0.1:8080");
    match text.strip_prefix(':') {
        Some(port) => port
            .parse()
            .map(|port| (Ipv6Addr::UNSPECIFIED, port).into())
            .map_err(|_| wrong()),
        None => text.parse().map_err(|_| wrong()),
    }
}

/// The API keeps the duration of a Lease in whole seconds.
fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = between(Duration::from_secs(3), HOUR)(text)?;
    if duration.subsec_nanos() == 0 {
        Ok(duration)
    } else {
        Err("must be whole seconds".to_owned())
    }
}

/// The name of this host: in a pod that is the name of the pod, unless it uses the network of its node.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "local".to_owned()
    } else {
        name.to_owned()
    }
}
