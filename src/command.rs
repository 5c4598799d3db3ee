//! The commands by which a person works with the objects of a cluster: beside the operator, or in its place. Each has the rights of
//! its kubeconfig. They make no call to the cloud and read no Secret.

pub mod output;
pub mod release;

use crate::cluster::client::{Access, AccessError};
use crate::config::ClusterArgs;

/// What a command has to say at its end.
#[derive(Debug)]
pub struct Done {
    /// For stdout.
    pub text: String,
    /// Whether all went well.
    pub is_success: bool,
}

/// The cluster that the flags mean.
pub fn access(cluster: &ClusterArgs) -> Result<Access, AccessError> {
    let usual = ClusterArgs::usual_kubeconfig();
    Access::find(&cluster.kubeconfigs(), usual.as_deref(), cluster.context())
}
