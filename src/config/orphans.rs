//! The flags of `orphans` and `import`. Grammar and checks only.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::cloud::CloudArgs;
use super::objects::{NamespaceScope, OutputArgs};
use super::{ClusterArgs, names};

/// Whose projects to look at.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OrphansArgs {
    /// Whose credentials are used.
    #[command(flatten)]
    pub scope: NamespaceScope,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How to print what was found.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// Whose project to take over.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportArgs {
    /// Secret with the credentials, in the namespace that the objects are to be in
    #[arg(long, value_name = "NAME", value_parser = names::secret)]
    pub secret: String,
    /// Region, where the Secret has none or another one
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// Project, where the Secret has none or another one
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// Namespace of the Secret and of the objects [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME", value_parser = names::label)]
    pub namespace: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How to print the manifests
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml", value_enum)]
    pub output: ManifestFormat,
    /// Write one file for each object into this directory, and print their names; what is there already is left as it is
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// Write over files of the directory that say something else
    #[arg(long, requires = "directory")]
    pub force: bool,
}

/// How manifests are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ManifestFormat {
    /// One document each.
    Yaml,
    /// A list.
    Json,
}
