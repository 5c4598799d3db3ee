//! Operators that keep a Lease in the namespace of a test.

use k8s_openapi::api::{
    coordination::v1::Lease,
    rbac::v1::{Role, RoleBinding},
};
use kube::{Api, api::PostParams};
use serde_json::json;

use super::{Namespace, account, eventually, operator::OperatorProcess, world::LIMIT};

/// Grants the operators' account what it needs for a Lease in this namespace.
pub(crate) async fn allow_lease(namespace: &Namespace) {
    let rules = json!([{ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"] }]);
    let account = json!({ "kind": "ServiceAccount", "name": "recording-callback-operator", "namespace": "recording-callback-system" });
    grant(namespace, "lease", rules, account).await;
}

/// Grants an account these rules in this namespace.
pub(crate) async fn grant(
    namespace: &Namespace,
    name: &str,
    rules: serde_json::Value,
    account: serde_json::Value,
) {
    let word = |name: &str| account[name].as_str().unwrap_or_default();
    let user = account::user(word("namespace"), word("name"));
    let role = json!({ "metadata": { "name": name }, "rules": rules });
    let role: Role = serde_json::from_value(role).unwrap();
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [&account],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    let (client, params) = (namespace.client(), PostParams::default());
    let api = Api::namespaced(client.clone(), namespace.name());
    api.create(&params, &role).await.unwrap();
    let api = Api::namespaced(client, namespace.name());
    api.create(&params, &binding).await.unwrap();
    let rules = rules.as_array().unwrap();
    account::granted(namespace.name(), &user, rules.iter()).await;
}

/// Who holds a Lease of this namespace, once somebody does.
pub(crate) async fn holder(namespace: &Namespace, name: &str) -> String {
    let leases: Api<Lease> = Api::namespaced(namespace.client(), namespace.name());
    eventually("somebody holds the Lease", LIMIT, async || {
        let spec = leases.get_opt(name).await.unwrap()?.spec?;
        spec.holder_identity.filter(|holder| !holder.is_empty())
    })
    .await
}

/// Waits until this operator acts.
pub(crate) async fn leads(operator: &OperatorProcess) {
    eventually("it leads", LIMIT, async || {
        is_leading(operator).await.then_some(())
    })
    .await;
}

/// Whether this operator acts.
pub(crate) async fn is_leading(operator: &OperatorProcess) -> bool {
    let metrics = operator.get("/metrics").await;
    metrics.is_some_and(|(_, metrics)| metrics.contains("\nrecording_callback_leader 1\n"))
}
