//! The flags of `plan`. Grammar and checks only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::cloud::CloudArgs;
use super::duration::between;
use super::objects::{NamespaceScope, Output};
use super::run::{DAY, HOUR, SECOND, SETTLE_MARGIN};

/// What to plan for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PlanArgs {
    /// Manifests in YAML or JSON, as kubectl apply takes them, or directories of them; - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Look into the directories of directories, too
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// As kubectl apply --server-side does it: the API server merges, by who owns which field
    #[arg(long)]
    pub server_side: bool,
    /// Whose the fields of the manifests are, with --server-side
    #[arg(
        long,
        value_name = "NAME",
        default_value = "kubectl",
        requires = "server_side"
    )]
    pub field_manager: String,
    /// Take fields from other managers, with --server-side
    #[arg(long, requires = "server_side")]
    pub force_conflicts: bool,
    /// Where the objects go that name no namespace.
    #[command(flatten)]
    pub scope: NamespaceScope,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How long a change may take to become visible at the cloud, as the operator is told
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = between(SETTLE_MARGIN, HOUR))]
    pub settle_time: Duration,
    /// How long the same rejection must last to count as stalled, as the operator is told
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = between(SECOND, DAY))]
    pub stall_after: Duration,
    /// How to print the plan; markdown is a comment for a pull request
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "table",
        value_enum
    )]
    pub output: PlanOutput,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanOutput {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For programs.
    Yaml,
    /// For people who review.
    Markdown,
}

impl PlanOutput {
    /// The format that other commands know, too.
    pub fn usual(self) -> Option<Output> {
        match self {
            Self::Table => Some(Output::Table),
            Self::Json => Some(Output::Json),
            Self::Yaml => Some(Output::Yaml),
            Self::Markdown => None,
        }
    }
}
