//! The flags of `run`, and the configuration they make.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, FromArgMatches};

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

/// What the controller goes by. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// Which cluster.
    pub cluster: ClusterArgs,
    /// Namespaces to serve; empty for every one.
    pub namespaces: Vec<String>,
    /// Labels an object must have to be served.
    pub label_selector: Option<String>,
    /// Whether one of several replicas is chosen to act.
    pub leader_elect: bool,
    /// Name of the Lease.
    pub lease_name: String,
    /// Namespace of the Lease; unset for the pod's or the kubeconfig's.
    pub lease_namespace: Option<String>,
    /// How long a Lease holds without being renewed; whole seconds.
    pub lease_duration: Duration,
    /// Name of this pod or machine, the first part of its identity as a holder of the Lease.
    pub host_name: String,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// Quota of each cloud identity.
    pub requests_per_minute: u32,
    /// How often what the cloud holds is compared with what is declared.
    pub resync_interval: Duration,
    /// How often each Secret in use is read.
    pub secret_poll_interval: Duration,
    /// Bound on one call to the cloud.
    pub request_timeout: Duration,
    /// How long a change may take to become visible at the cloud.
    pub settle_time: Duration,
    /// How long the same rejection must last to count as stalled.
    pub stall_after: Duration,
    /// Look, but change nothing at the cloud.
    pub read_only: bool,
    /// Where calls to the cloud may go.
    pub allowed_endpoints: AllowList,
    /// Namespaces whose objects may use the operator's own credentials.
    pub ambient_credentials_namespaces: Grant,
    /// How log lines look.
    pub log_format: Format,
    /// Which log lines there are.
    pub log_level: Level,
    /// How many objects are worked on at once.
    pub concurrency: usize,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Namespaces to serve, separated by commas [default: every namespace]
    #[arg(long, env, value_name = "NAMES", default_value = "", hide_default_value = true,
          value_parser = Namespaces::parse)]
    namespaces: Namespaces,
    /// Serve only objects with these labels [default: all]
    #[arg(long, env, value_name = "SELECTOR", value_parser = super::selector::check)]
    label_selector: Option<String>,
    /// Act only while holding the Lease
    #[arg(long, env, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    leader_elect: bool,
    /// Name of the Lease
    #[arg(long, env, value_name = "NAME", default_value = "recording-callback-operator",
          value_parser = names::subdomain)]
    lease_name: String,
    /// Namespace of the Lease [default: the pod's, else the kubeconfig's]
    #[arg(long, env, value_name = "NAMESPACE", value_parser = names::label)]
    lease_namespace: Option<String>,
    /// How long the Lease holds without being renewed, in whole seconds
    #[arg(long, env, value_name = "DURATION", default_value = "15s", value_parser = lease_duration)]
    lease_duration: Duration,
    /// Address of /metrics, /livez and /readyz; [::] is 0.0.0.0 where IPv6 is off
    #[arg(long, env, value_name = "ADDRESS", default_value = "[::]:8080", value_parser = listen)]
    listen: SocketAddr,
    /// Calls a minute for each cloud identity; the cloud allows 300 to all its callers, unless it has raised that for the account
    #[arg(long, env, value_name = "NUMBER", default_value_t = 270,
          value_parser = clap::value_parser!(u32).range(1..=600_000))]
    requests_per_minute: u32,
    /// How often what the cloud holds is compared with what is declared
    #[arg(long, env, value_name = "DURATION", default_value = "10m",
          value_parser = between(MILLISECONDS_100, DAY))]
    resync_interval: Duration,
    /// How often each Secret in use is read
    #[arg(long, env, value_name = "DURATION", default_value = "1m",
          value_parser = between(MILLISECONDS_100, DAY))]
    secret_poll_interval: Duration,
    /// Bound on one call to the cloud
    #[arg(long, env, value_name = "DURATION", default_value = "15s",
          value_parser = between(MILLISECONDS_100, Duration::from_mins(2)))]
    request_timeout: Duration,
    /// How long a change may take to become visible at the cloud; at least --request-timeout + 5s
    #[arg(long, env, value_name = "DURATION", default_value = "30s",
          value_parser = between(SETTLE_MARGIN, HOUR))]
    settle_time: Duration,
    /// How long the same rejection must last to count as stalled
    #[arg(long, env, value_name = "DURATION", default_value = "10m",
          value_parser = between(SECOND, DAY))]
    stall_after: Duration,
    /// Look, but change nothing at the cloud
    #[arg(long, env, value_name = "BOOL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true")]
    read_only: bool,
    /// Where calls to the cloud may go: [http://]host[:port], separated by commas; * is one label of a host
    #[arg(long, env, value_name = "ENDPOINTS", default_value_t,
          value_parser = endpoints)]
    allowed_endpoints: AllowList,
    /// Namespaces whose objects may do without a Secret and use the operator's own credentials, separated by commas; * is all [default: none]
    #[arg(long, env, value_name = "NAMES", default_value = "", hide_default_value = true,
          value_parser = Grant::parse)]
    ambient_credentials_namespaces: Grant,
    /// How log lines look
    #[arg(long, env, value_name = "FORMAT", default_value = "json", value_enum)]
    log_format: Format,
    /// error, warn, info, debug, trace or off; or target=level, separated by commas
    #[arg(long, env, value_name = "LEVEL", default_value = "info", value_parser = Level::parse)]
    log_level: Level,
    /// How many objects are worked on at once
    #[arg(long, env, value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Name of this pod in the Lease [default: the host's]
    #[arg(long, env, hide = true, value_name = "NAME", default_value_t = host_name())]
    pod_name: String,
}

impl TryFrom<RunArgs> for RunConfig {
    type Error = String;

    fn try_from(args: RunArgs) -> Result<Self, String> {
        let least = args.request_timeout + SETTLE_MARGIN;
        if args.settle_time < least {
            return Err(format!(
                "--settle-time {} is too short for --request-timeout {}: it must be at least 5s longer, {}",
                show(args.settle_time),
                show(args.request_timeout),
                show(least),
            ));
        }
        Ok(Self {
            cluster: args.cluster,
            namespaces: args.namespaces.0,
            label_selector: args.label_selector.filter(|selector| !selector.is_empty()),
            leader_elect: args.leader_elect,
            lease_name: args.lease_name,
            lease_namespace: args.lease_namespace,
            lease_duration: args.lease_duration,
            host_name: args.pod_name,
            listen: args.listen,
            requests_per_minute: args.requests_per_minute,
            resync_interval: args.resync_interval,
            secret_poll_interval: args.secret_poll_interval,
            request_timeout: args.request_timeout,
            settle_time: args.settle_time,
            stall_after: args.stall_after,
            read_only: args.read_only,
            allowed_endpoints: args.allowed_endpoints,
            ambient_credentials_namespaces: args.ambient_credentials_namespaces,
            log_format: args.log_format,
            log_level: args.log_level,
            concurrency: args.concurrency.into(),
        })
    }
}

impl Args for RunConfig {
    fn augment_args(command: clap::Command) -> clap::Command {
        RunArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        RunArgs::augment_args_for_update(command)
    }
}

impl FromArgMatches for RunConfig {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let args = RunArgs::from_arg_matches(matches)?;
        Self::try_from(args).map_err(|text| clap::Error::raw(ErrorKind::ValueValidation, text))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
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

/// In a pod, its name.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "local".to_owned()
    } else {
        name.to_owned()
    }
}
