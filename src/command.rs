//! The commands by which a person works with the objects of a cluster: beside the operator, or in its place. Each has the rights of
//! its kubeconfig. Those that call the cloud, or read a Secret for it, go through `cloud`; none changes anything there.

mod circuit_breaker;
pub mod command_cloud;
mod command_cluster;
pub mod completion;
pub mod doctor;
mod first_process;
pub mod import;
pub mod mark;
pub mod notifications;
pub mod orphans;
pub mod output;
pub mod plan;
mod progress;
mod readable;
pub mod release;
mod remote;
pub mod status;
mod unanswered;

use anyhow::anyhow;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DynamicObject;

use self::command_cluster::CommandCluster;
pub use self::command_cluster::ended;

use crate::cluster::client::{ClusterAccess, ClusterAccessError};
use crate::config::ClusterArgs;
use crate::config::objects::ObjectSelection;
use crate::similar::did_you_mean;

/// What a command has to say at its end.
#[derive(Debug)]
pub struct CommandOutput {
    /// For stdout.
    pub text: String,
    /// How it ended.
    pub exit: ExitStatus,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// All went well.
    Well,
    /// Something failed.
    Failed,
    /// All went well, and there is something to change.
    Changes,
}

impl ExitStatus {
    /// By whether all went well.
    pub fn of(is_success: bool) -> Self {
        if is_success { Self::Well } else { Self::Failed }
    }

    /// The program's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failed => 1,
            Self::Changes => 2,
        }
    }
}

/// What time it is here.
#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The cluster that the flags mean.
pub fn cluster_access(cluster: &ClusterArgs) -> Result<ClusterAccess, ClusterAccessError> {
    let usual = ClusterArgs::usual_kubeconfig();
    ClusterAccess::find(&cluster.kubeconfigs(), usual.as_deref(), cluster.context())
}

/// The one object that is named, or all in the namespaces that are.
async fn chosen(
    cluster: &CommandCluster,
    wanted: &ObjectSelection,
) -> anyhow::Result<Vec<DynamicObject>> {
    let objects = cluster.objects();
    let namespace = cluster.namespace(wanted.scope.namespace.as_deref());
    let Some(name) = &wanted.which.name else {
        let namespace = (!wanted.scope.all_namespaces).then_some(namespace);
        return Ok(objects.list(namespace).await?);
    };
    if let Some(object) = objects.get(namespace, name).await? {
        return Ok(vec![object]);
    }
    // Who may not list has no suggestion.
    let others = objects.list(Some(namespace)).await.unwrap_or_default();
    let others: Vec<String> = others.iter().map(ResourceExt::name_any).collect();
    let meant = did_you_mean(name, others.iter().map(String::as_str));
    let server = cluster.server();
    Err(anyhow!(
        "there is no RecordingCallback {name} in the namespace {namespace}{meant} [API server {server}]; \
         status --all -A tells of all that there are"
    ))
}
