//! The flags of `plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::cloud::CloudArgs;
use super::duration::between;
use super::objects::{NamespaceScope, OutputArgs};
use super::run::{DAY, HOUR, SECOND, SETTLE_MARGIN};

/// What to plan for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PlanArgs {
    /// Manifests in YAML or JSON, as kubectl apply takes them; - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the objects go that name no namespace.
    #[command(flatten)]
    pub scope: NamespaceScope,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How long a change may take to become visible at the cloud, as the operator is told
    #[arg(long, env, value_name = "DURATION", default_value = "30s", value_parser = between(SETTLE_MARGIN, HOUR))]
    pub settle_time: Duration,
    /// How long the same rejection must last to count as stalled, as the operator is told
    #[arg(long, env, value_name = "DURATION", default_value = "10m", value_parser = between(SECOND, DAY))]
    pub stall_after: Duration,
    /// How to print the plan.
    #[command(flatten)]
    pub print: OutputArgs,
}
