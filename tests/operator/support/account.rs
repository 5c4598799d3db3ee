//! Who an operator is to the API server: `ServiceAccounts`, the rights that an installation gives them, and kubeconfigs for them.

use std::fs;

use k8s_openapi::api::{
    authentication::v1::TokenRequest, authorization::v1::SubjectAccessReview,
    core::v1::ServiceAccount,
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    config::Kubeconfig,
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    Namespace, client, control_plane::kubeconfig, eventually, right::GrantedRight, secrets,
    world::LIMIT,
};

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/install.yaml");
const NAMESPACE: &str = "recording-callback-system";
const NAME: &str = "recording-callback-operator";

/// What of an installation makes the account and its rights; the operator itself runs beside the cluster.
const KINDS: [&str; 6] = [
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
];

/// A kubeconfig of the service account that `install.yaml` makes, with the rights that it grants.
pub(crate) async fn installed(api_server: Option<&str>) -> String {
    static TOKEN: OnceCell<String> = OnceCell::const_new();
    kubeconfig_with(TOKEN.get_or_init(install).await, api_server)
}

/// A kubeconfig of a service account of a namespace, which is made for it.
pub(crate) async fn account_in(namespace: &Namespace, name: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(namespace.client(), namespace.name());
    let account = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    kubeconfig_with(&token(namespace.name(), name).await, None)
}

/// A kubeconfig of whoever has this token.
pub(crate) fn kubeconfig_with(token: &str, api_server: Option<&str>) -> String {
    secrets::remember(token);
    let mut kubeconfig =
        serde_json::to_value(Kubeconfig::read_from(kubeconfig()).unwrap()).unwrap();
    for user in kubeconfig["users"].as_array_mut().unwrap() {
        user["user"] = json!({ "token": token });
    }
    if let Some(api_server) = api_server {
        for cluster in kubeconfig["clusters"].as_array_mut().unwrap() {
            cluster["cluster"] = json!({ "server": api_server });
        }
    }
    kubeconfig.to_string()
}

async fn install() -> String {
    let text = fs::read_to_string(INSTALL).unwrap();
    let documents = documents(&text);
    for document in documents.iter().filter(|document| grants(document)) {
        apply(document.clone()).await;
    }
    granted(NAMESPACE, &user(NAMESPACE, NAME), rules(&documents)).await;
    token(NAMESPACE, NAME).await
}

/// Whether an object of an installation is its account or a right of it.
pub(crate) fn grants(document: &Value) -> bool {
    KINDS.iter().any(|kind| document["kind"] == *kind)
}

/// Applies an object of an installation.
pub(crate) async fn apply(document: Value) {
    let object: DynamicObject = serde_json::from_value(document).unwrap();
    let types = object.types.clone().unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).unwrap());
    let name = object.metadata.name.clone().unwrap();
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client().await, namespace, &resource),
        None => Api::all_with(client().await, &resource),
    };
    api.patch(
        &name,
        &PatchParams::apply("test").force(),
        &Patch::Apply(&object),
    )
    .await
    .unwrap();
}

/// A token of a service account.
pub(crate) async fn token(namespace: &str, name: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client().await, namespace);
    let (params, request) = (PostParams::default(), TokenRequest::default());
    let granted = accounts
        .create_token_request(name, &params, &request)
        .await
        .unwrap();
    granted.status.unwrap().token
}

/// What the API server calls a service account.
pub(crate) fn user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Waits until a user has these rights in a namespace: the API server learns of roles and bindings a moment after they are made.
pub(crate) async fn granted(namespace: &str, user: &str, rules: impl Iterator<Item = &Value>) {
    let reviews: Api<SubjectAccessReview> = Api::all(client().await);
    for rule in rules {
        for (right, _) in GrantedRight::of_rule(rule) {
            let review = json!({ "spec": {
                "user": user,
                "resourceAttributes": right.asked_for(namespace, rule["resourceNames"][0].as_str()),
            } });
            let review = serde_json::from_value(review).unwrap();
            eventually(&format!("{user} may {right}"), LIMIT, async || {
                let said = reviews
                    .create(&PostParams::default(), &review)
                    .await
                    .unwrap();
                said.status?.allowed.then_some(())
            })
            .await;
        }
    }
}

/// Whether an object holds rules.
pub(crate) fn is_role(document: &Value) -> bool {
    document["kind"] == "ClusterRole" || document["kind"] == "Role"
}

/// The rules of the roles among these objects that a binding among them names.
pub(crate) fn rules(documents: &[Value]) -> impl Iterator<Item = &Value> {
    let bound = |role: &&Value| {
        let mut refs = documents.iter().map(|binding| &binding["roleRef"]);
        refs.any(|named| named["kind"] == role["kind"] && named["name"] == role["metadata"]["name"])
    };
    let roles = documents.iter().filter(|document| is_role(document));
    roles
        .filter(bound)
        .flat_map(|role| role["rules"].as_array().unwrap())
}

/// The documents of a YAML file, as JSON.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let parsed = text
        .split("\n---")
        .filter_map(|document| serde_saphyr::from_str::<Value>(document).ok());
    parsed.filter(Value::is_object).collect()
}
