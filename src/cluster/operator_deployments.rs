//! The operators that a cluster runs, as their Deployments tell it. Only reads.

use std::collections::BTreeMap;

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use kube::{Client, Resource as _, ResourceExt as _};
use serde::Deserialize;

use super::client::call;
use super::container::{ContainerProcess, ContainerSpec};
use super::error::ClusterError;
use super::lease::OPERATOR_LABEL;
use super::outline::Outline;
use super::secret::Keys;

/// The label of an operator's own Deployment, whatever other labels an installation changes.
const OWN_LABEL: &str = "live.huaweicloud.com/operator";

/// The label that Helm's charts name their release by.
const RELEASE_LABEL: &str = "app.kubernetes.io/instance";

/// The operator's container among those of its pods.
const CONTAINER: &str = "operator";

/// One Deployment of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The Helm release that it is of.
    pub release: Option<String>,
    /// The service account of its pods.
    pub service_account: String,
    /// What the program is started with.
    pub process: ContainerProcess,
    /// The image.
    pub image: String,
    /// How many pods are ready.
    pub ready: i32,
    /// How many there are to be.
    pub wanted: i32,
    /// How many pods are as it says now.
    pub updated: i32,
    /// How many are as it said before.
    pub older: i32,
    /// The labels of its pods, as a selector.
    pub pods: String,
}

type DeploymentOutline = Outline<Deployment, DeploymentSpec, DeploymentStatus>;

#[derive(Debug, Clone, Default, Deserialize)]
struct DeploymentSpec {
    replicas: Option<i32>,
    #[serde(default)]
    selector: LabelSelector,
    #[serde(default)]
    template: PodTemplate,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct PodTemplate {
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    service_account_name: Option<String>,
    #[serde(default)]
    containers: Vec<ContainerSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentStatus {
    observed_generation: Option<i64>,
    replicas: Option<i32>,
    ready_replicas: Option<i32>,
    updated_replicas: Option<i32>,
}

/// All of them: those with the operator's own label, and those of versions that had none. Of their variables those of these names
/// are read.
pub async fn find(client: &Client, names: &Keys) -> Result<Vec<Installed>, ClusterError> {
    let (key, value) = OPERATOR_LABEL;
    let api: Api<DeploymentOutline> = Api::all(client.clone());
    let mut found = BTreeMap::new();
    for selector in [OWN_LABEL.to_owned(), format!("{key}={value}")] {
        let params = ListParams::default().labels(&selector);
        let listed = call("look for the operator's Deployment", api.list(&params)).await?;
        for deployment in listed.items {
            found.insert((deployment.namespace(), deployment.name_any()), deployment);
        }
    }
    let installed = found.into_values().map(async |mut deployment| {
        let container = own_container(&mut deployment);
        let namespace = deployment.namespace().unwrap_or_default();
        let process = container.process(client, &namespace, names).await;
        Installed::of(deployment, container, process)
    });
    Ok(join_all(installed).await)
}

impl Installed {
    fn of(
        deployment: DeploymentOutline,
        container: ContainerSpec,
        process: ContainerProcess,
    ) -> Self {
        let (namespace, name) = (
            deployment.namespace().unwrap_or_default(),
            deployment.name_any(),
        );
        let release = deployment.labels().get(RELEASE_LABEL).cloned();
        let generation = deployment.meta().generation;
        let (spec, status) = (deployment.spec, deployment.status.unwrap_or_default());
        // What a status tells that is older than the spec is of older pods.
        let is_told = status.observed_generation >= generation;
        let updated = status.updated_replicas.filter(|_| is_told);
        let updated = updated.unwrap_or_default();
        let labels = spec.selector.match_labels.unwrap_or_default();
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let account = spec.template.spec.service_account_name;
        Self {
            namespace,
            name,
            release,
            service_account: account
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "default".to_owned()),
            process,
            image: container.image.unwrap_or_default(),
            ready: status.ready_replicas.unwrap_or_default(),
            wanted: spec.replicas.unwrap_or(1),
            updated,
            older: status.replicas.unwrap_or_default() - updated,
            pods: labels.collect::<Vec<_>>().join(","),
        }
    }
}

/// Takes the operator's container out of it. Others may stand before it: policies put sidecars into pods.
fn own_container(deployment: &mut DeploymentOutline) -> ContainerSpec {
    let containers = std::mem::take(&mut deployment.spec.template.spec.containers);
    let at = containers.iter().position(|one| one.name == CONTAINER);
    containers
        .into_iter()
        .nth(at.unwrap_or(0))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_operator_is_the_container_of_that_name_else_the_first() {
        let deployment = |containers: serde_json::Value| {
            let deployment = json!({
                "metadata": { "name": "a", "namespace": "b", "labels": { RELEASE_LABEL: "c" } },
                "spec": {
                    "selector": { "matchLabels": { "x": "y", "z": "1" } },
                    "template": { "spec": { "containers": containers } },
                },
            });
            let mut deployment = serde_json::from_value(deployment).unwrap();
            let container = own_container(&mut deployment);
            Installed::of(deployment, container, ContainerProcess::default())
        };
        let sidecar = json!({ "name": "mesh", "image": "mesh" });
        let own = json!({ "name": "operator", "image": "own" });
        let found = deployment(json!([sidecar, own]));
        assert_eq!(found.image, "own");
        assert_eq!(
            (found.release.as_deref(), &*found.pods),
            (Some("c"), "x=y,z=1")
        );
        let other = json!({ "name": "main", "image": "first" });
        assert_eq!(deployment(json!([other, sidecar])).image, "first");
        assert_eq!(deployment(json!([])).image, "");
    }

    #[test]
    fn pods_are_of_the_newest_template_or_of_an_older_one() {
        let pods = |generation: i64, status: serde_json::Value| {
            let deployment = json!({
                "metadata": { "name": "a", "namespace": "b", "generation": generation },
                "spec": {}, "status": status,
            });
            let deployment = serde_json::from_value(deployment).unwrap();
            let installed = Installed::of(
                deployment,
                ContainerSpec::default(),
                ContainerProcess::default(),
            );
            (installed.ready, installed.updated, installed.older)
        };
        let status = json!({ "observedGeneration": 2, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 1 });
        assert_eq!(pods(2, status.clone()), (2, 1, 2));
        assert_eq!(pods(3, status), (2, 0, 3), "it tells of what was before");
        assert_eq!(pods(1, json!(null)), (0, 0, 0));
    }
}
