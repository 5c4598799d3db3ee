//! The chart, rendered for one namespace: what it grants to the operator, and the flags that it starts it with.

use std::{path::Path, process::Command};

use k8s_openapi::api::core::v1::Namespace as Object;
use kube::Api;
use serde_json::{Value, json};

use super::{Namespace, account, right::GrantedRight};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The label of a world's objects, by which an operator for the whole cluster keeps to them.
pub(crate) const LABEL: &str = "world";

/// Whose objects the operator serves: the two modes of the chart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// Those of all namespaces; here with the label of one world.
    ClusterWide,
    /// Those of the namespaces that are named.
    Namespaced,
}

/// The objects of a release. Each rule of its roles grants one right.
#[derive(Clone)]
pub(crate) struct Chart {
    documents: Vec<Value>,
}

impl Chart {
    /// A release in a namespace, which serves that one or, by its label, the objects of all.
    pub(crate) fn rendered(mode: Mode, namespace: &str) -> Self {
        Self::rendered_with(mode, namespace, "rbac.secrets=true")
    }

    /// The same with a value of the chart.
    pub(crate) fn rendered_with(mode: Mode, namespace: &str, value: &str) -> Self {
        let helm = Path::new(ROOT).join("build/bin/helm");
        let scope = match mode {
            Mode::ClusterWide => format!("labelSelector={LABEL}={namespace}"),
            Mode::Namespaced => format!("watchNamespaces={{{namespace}}}"),
        };
        let said = Command::new(&helm)
            .args([
                "template",
                "release",
                "deploy/helm/recording-callback-operator",
            ])
            .args(["--namespace", namespace, "--set", &scope, "--set", value])
            .args(["--set", "image.repository=registry.example.com/operator"])
            .args(["--set", "crds.enabled=false,rbac.aggregate=false"])
            .current_dir(ROOT)
            .output()
            .unwrap_or_else(|error| {
                panic!("{}: {error}: run `make build/bin/helm`", helm.display())
            });
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "helm template: {errors}");
        let mut documents = account::documents(&String::from_utf8(said.stdout).unwrap());
        for role in documents
            .iter_mut()
            .filter(|document| account::is_role(document))
        {
            let rules = role["rules"].as_array().unwrap().iter();
            let rules: Vec<Value> = rules
                .flat_map(GrantedRight::of_rule)
                .map(|(_, rule)| rule)
                .collect();
            role["rules"] = rules.into();
        }
        Self { documents }
    }

    /// One without an object of the whole cluster.
    pub(crate) fn roles_only(namespace: &str) -> Self {
        let chart = Self::rendered_with(Mode::Namespaced, namespace, "rbac.clusterRoles=false");
        let cluster = |document: &Value| document["metadata"]["namespace"].is_null();
        assert!(!chart.documents.iter().any(cluster));
        chart
    }

    /// The rights, in the order of the rules.
    pub(crate) fn rights(&self) -> Vec<GrantedRight> {
        self.rules()
            .flat_map(GrantedRight::of_rule)
            .map(|(right, _)| right)
            .collect()
    }

    /// The same with one more right, in the first role.
    pub(crate) fn with(mut self, right: &GrantedRight) -> Self {
        let role = self
            .documents
            .iter_mut()
            .find(|document| account::is_role(document));
        let rules = role.unwrap()["rules"].as_array_mut().unwrap();
        rules.push(right.rule());
        self
    }

    /// The same without the right at this position.
    pub(crate) fn without(mut self, position: usize) -> Self {
        let mut left = position;
        for role in self
            .documents
            .iter_mut()
            .filter(|document| account::is_role(document))
        {
            let rules = role["rules"].as_array_mut().unwrap();
            if left < rules.len() {
                rules.remove(left);
                return self;
            }
            left -= rules.len();
        }
        panic!("there is no right {position}");
    }

    /// The flags of the operator's container, without those about its log; with those of its variables that are flags: the pod's
    /// namespace, which a kubelet sets, and whether it reads the CRD.
    pub(crate) fn flags(&self) -> Vec<String> {
        let deployment = self.one("Deployment");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let args = container["args"].as_array().unwrap().iter().skip(1); // the command
        let args = args.map(|arg| arg.as_str().unwrap().to_owned());
        let mut flags: Vec<String> = args.filter(|arg| !arg.starts_with("--log-")).collect();
        let variables = container["env"].as_array().unwrap();
        let is_lease_namespace = |variable: &&Value| variable["name"] == "LEASE_NAMESPACE";
        let variable = variables.iter().find(is_lease_namespace).unwrap();
        assert_eq!(
            variable["valueFrom"]["fieldRef"]["fieldPath"],
            "metadata.namespace"
        );
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
        flags.push(format!("--lease-namespace={namespace}"));
        let mut unchecked = variables.iter();
        if let Some(variable) = unchecked.find(|variable| variable["name"] == "CHECK_CRD") {
            let value = variable["value"].as_str().unwrap();
            flags.push(format!("--check-crd={value}"));
        }
        flags
    }

    /// Makes the `ServiceAccount` with its rights, which go with the namespace, and waits until it has them. Returns a token of it.
    pub(crate) async fn install(&self, namespace: &Namespace) -> String {
        let namespaces: Api<Object> = Api::all(namespace.client());
        let owner = namespaces.get(namespace.name()).await.unwrap();
        let owner = json!({ "apiVersion": "v1", "kind": "Namespace", "name": namespace.name(), "uid": owner.metadata.uid });
        let granting = self
            .documents
            .iter()
            .filter(|document| account::grants(document));
        for mut document in granting.cloned() {
            if document["metadata"]["namespace"].is_null() {
                document["metadata"]["ownerReferences"] = json!([owner]);
            }
            account::apply(document).await;
        }
        let user = account::user(namespace.name(), self.account());
        account::granted(namespace.name(), &user, self.rules()).await;
        account::token(namespace.name(), self.account()).await
    }

    /// Makes the Deployment, of which one pod is wanted, and stays away: nothing here runs pods.
    pub(crate) async fn deploy(&self) {
        self.deploy_changed(|_| {}).await;
    }

    /// The same with another Deployment.
    pub(crate) async fn deploy_changed(&self, change: impl FnOnce(&mut Value)) {
        let mut deployment = self.one("Deployment").clone();
        deployment["spec"]["replicas"] = json!(1);
        change(&mut deployment);
        account::apply(deployment).await;
    }

    /// The name of the `ServiceAccount`.
    pub(crate) fn account(&self) -> &str {
        let account = &self.one("ServiceAccount")["metadata"]["name"];
        account.as_str().unwrap()
    }

    fn one(&self, kind: &str) -> &Value {
        let mut documents = self.documents.iter();
        documents.find(|document| document["kind"] == kind).unwrap()
    }

    fn rules(&self) -> impl Iterator<Item = &Value> {
        account::rules(&self.documents)
    }
}
