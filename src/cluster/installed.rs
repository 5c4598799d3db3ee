//! The operators that a cluster runs, as their Deployments tell it.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use super::client::call;
use super::error::ClusterError;
use super::lease::OPERATOR_LABEL;

/// One Deployment of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The service account of its pods.
    pub service_account: String,
    /// What the program is started with, without the program's name.
    pub args: Vec<String>,
    /// The image.
    pub image: String,
    /// How many pods are ready.
    pub ready: i32,
    /// How many there are to be.
    pub wanted: i32,
}

/// All of them.
pub async fn find(client: &Client) -> Result<Vec<Installed>, ClusterError> {
    let (key, value) = OPERATOR_LABEL;
    let api: Api<Deployment> = Api::all(client.clone());
    let params = ListParams::default().labels(&format!("{key}={value}"));
    let found = call("look for the operator's Deployment", api.list(&params)).await?;
    Ok(found.items.into_iter().map(Installed::of).collect())
}

impl Installed {
    fn of(deployment: Deployment) -> Self {
        let (namespace, name) = (
            deployment.namespace().unwrap_or_default(),
            deployment.name_any(),
        );
        let spec = deployment.spec.unwrap_or_default();
        let pod = spec.template.spec.unwrap_or_default();
        let container = pod.containers.into_iter().next().unwrap_or_default();
        let status = deployment.status.unwrap_or_default();
        Self {
            namespace,
            name,
            service_account: pod
                .service_account_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "default".to_owned()),
            args: container.args.unwrap_or_default(),
            image: container.image.unwrap_or_default(),
            ready: status.ready_replicas.unwrap_or_default(),
            wanted: spec.replicas.unwrap_or(1),
        }
    }
}
