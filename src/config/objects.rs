//! The flags by which commands are told whose objects they are about, and how to print what they say. Grammar and checks only.

use clap::{Args, ValueEnum};

use super::{ClusterArgs, names};

/// Objects of a cluster: one by its name, or all of a namespace or of every one.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ObjectSelection {
    /// One or all.
    #[command(flatten)]
    pub which: ObjectChoice,
    /// Which namespaces of which cluster.
    #[command(flatten)]
    pub scope: NamespaceScope,
}

/// The flags of commands that need no others.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ObjectsArgs {
    /// Which objects.
    #[command(flatten)]
    pub objects: ObjectSelection,
    /// How to print the answer.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// The flags of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Which objects.
    #[command(flatten)]
    pub objects: ObjectSelection,
    /// How to print the answer.
    #[command(flatten)]
    pub print: OutputArgs,
    /// Go on, and tell it again whenever it changes, until it is interrupted
    #[arg(short, long)]
    pub watch: bool,
}

/// One object, or all that there are.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct ObjectChoice {
    /// Name of the object
    #[arg(conflicts_with = "all_namespaces", value_parser = names::object)]
    pub name: Option<String>,
    /// All objects of the namespace, or with -A of the cluster
    #[arg(long)]
    pub all: bool,
}

/// Namespaces of a cluster, as kubectl is told.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NamespaceScope {
    /// Namespace of the objects [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME", value_parser = names::label)]
    pub namespace: Option<String>,
    /// Every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// How a command prints what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For programs.
    Yaml,
}

/// The flag for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct OutputArgs {
    /// How to print the answer
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "table",
        value_enum
    )]
    pub output: Output,
}
