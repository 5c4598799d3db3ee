//! The operators that a cluster runs, as their Deployments tell it. Only reads.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use serde::Deserialize;

use super::client::call;
use super::error::ClusterError;
use super::lease::OPERATOR_LABEL;
use super::outline::Outline;

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
    /// What the program is started with, without the program's name.
    pub args: Vec<String>,
    /// Its variables; `None` for one whose value comes from elsewhere.
    pub environment: BTreeMap<String, Option<String>>,
    /// The image.
    pub image: String,
    /// How many pods are ready.
    pub ready: i32,
    /// How many there are to be.
    pub wanted: i32,
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
    containers: Vec<Container>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Container {
    name: String,
    image: Option<String>,
    args: Option<Vec<String>>,
    env: Option<Vec<EnvVar>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentStatus {
    ready_replicas: Option<i32>,
}

/// All of them: those with the operator's own label, and those of versions that had none.
pub async fn find(client: &Client) -> Result<Vec<Installed>, ClusterError> {
    let (key, value) = OPERATOR_LABEL;
    let api: Api<DeploymentOutline> = Api::all(client.clone());
    let mut found = BTreeMap::new();
    for selector in [OWN_LABEL.to_owned(), format!("{key}={value}")] {
        let params = ListParams::default().labels(&selector);
        let listed = call("look for the operator's Deployment", api.list(&params)).await?;
        for installed in listed.items.into_iter().map(Installed::of) {
            found.insert(
                (installed.namespace.clone(), installed.name.clone()),
                installed,
            );
        }
    }
    Ok(found.into_values().collect())
}

impl Installed {
    fn of(deployment: DeploymentOutline) -> Self {
        let (namespace, name) = (
            deployment.namespace().unwrap_or_default(),
            deployment.name_any(),
        );
        let release = deployment.labels().get(RELEASE_LABEL).cloned();
        let (spec, status) = (deployment.spec, deployment.status.unwrap_or_default());
        let labels = spec.selector.match_labels.unwrap_or_default();
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let pod = spec.template.spec;
        let container = own_container(pod.containers);
        let environment = variables(container.env.unwrap_or_default(), &namespace);
        Self {
            namespace,
            name,
            release,
            service_account: pod
                .service_account_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "default".to_owned()),
            args: container.args.unwrap_or_default(),
            environment,
            image: container.image.unwrap_or_default(),
            ready: status.ready_replicas.unwrap_or_default(),
            wanted: spec.replicas.unwrap_or(1),
            pods: labels.collect::<Vec<_>>().join(","),
        }
    }
}

/// Others may stand before it: policies put sidecars into pods.
fn own_container(containers: Vec<Container>) -> Container {
    let at = containers.iter().position(|one| one.name == CONTAINER);
    containers
        .into_iter()
        .nth(at.unwrap_or(0))
        .unwrap_or_default()
}

/// What the variables of a pod in this namespace are, as far as a Deployment tells.
fn variables(variables: Vec<EnvVar>, namespace: &str) -> BTreeMap<String, Option<String>> {
    let variables = variables.into_iter().map(|variable| {
        let value = match variable.value_from {
            None => Some(variable.value.unwrap_or_default()),
            Some(EnvVarSource {
                field_ref: Some(field),
                ..
            }) if field.field_path == "metadata.namespace" => Some(namespace.to_owned()),
            Some(_) => None,
        };
        (variable.name, value)
    });
    variables.collect()
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
            Installed::of(serde_json::from_value(deployment).unwrap())
        };
        let sidecar = json!({ "name": "mesh", "args": ["proxy"] });
        let own = json!({ "name": "operator", "args": ["run"], "env": [
            { "name": "HTTPS_PROXY", "value": "http://p:1" },
            { "name": "NO_PROXY", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } },
            { "name": "LEASE_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
        ] });
        let found = deployment(json!([sidecar, own]));
        assert_eq!(found.args, ["run"]);
        assert_eq!(
            found.environment["HTTPS_PROXY"].as_deref(),
            Some("http://p:1")
        );
        assert_eq!(found.environment["NO_PROXY"], None);
        assert_eq!(found.environment["LEASE_NAMESPACE"].as_deref(), Some("b"));
        assert_eq!(found.environment["POD_NAME"], None);
        assert_eq!(
            (found.release.as_deref(), &*found.pods),
            (Some("c"), "x=y,z=1")
        );
        let other = json!({ "name": "main", "args": ["run", "--read-only"] });
        assert_eq!(
            deployment(json!([other, sidecar])).args,
            ["run", "--read-only"]
        );
        assert_eq!(deployment(json!([])).args, Vec::<String>::new());
    }
}
