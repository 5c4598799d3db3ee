//! The flags of `doctor`. Grammar and checks only.

use clap::Args;

use super::cloud::CloudArgs;
use super::names::{self, ServiceAccount};
use super::objects::{NamespaceScope, OutputArgs};

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Whose credentials are tried.
    #[command(flatten)]
    pub scope: NamespaceScope,
    /// The operator's service account, whose rights are checked [default: that of the operator's Deployment, else whoever asks]
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = names::account)]
    pub service_account: Option<ServiceAccount>,
    /// Only the operator of this Helm release, or Deployment, where there are several
    #[arg(long, value_name = "NAME", value_parser = names::subdomain)]
    pub release: Option<String>,
    /// Try to reach the host of each notifyCallbackURL from this machine
    #[arg(long)]
    pub check_urls: bool,
    /// Make no call to the cloud
    #[arg(long)]
    pub offline: bool,
    /// How the cloud is called.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How to print what was found.
    #[command(flatten)]
    pub print: OutputArgs,
}
