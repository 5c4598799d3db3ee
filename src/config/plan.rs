//! The flags of `plan`.

use std::path::PathBuf;

use clap::Args;

use super::cloud::CloudArgs;
use super::objects::{OutputArgs, Scope};

/// What to plan for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PlanArgs {
    /// Manifests in YAML or JSON, as kubectl apply takes them; - is stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the objects go that name no namespace.
    #[command(flatten)]
    pub scope: Scope,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How to print the plan.
    #[command(flatten)]
    pub print: OutputArgs,
}
