//! The flags of `release`. Grammar and checks only.

use clap::Args;

use super::names;
use super::objects::{ObjectSelection, OutputArgs};

/// Which objects to let go, and whose Lease tells whether an operator is alive.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ReleaseArgs {
    /// Which objects.
    #[command(flatten)]
    pub objects: ObjectSelection,
    /// Namespace of the operator's Lease [default: every namespace is searched]
    #[arg(long, value_name = "NAMESPACE", value_parser = names::label)]
    pub lease_namespace: Option<String>,
    /// Name of the operator's Lease [default: recording-callback-operator, and those with an operator's label]
    #[arg(long, value_name = "NAME", value_parser = names::subdomain)]
    pub lease_name: Option<String>,
    /// How to print what was let go.
    #[command(flatten)]
    pub print: OutputArgs,
}
