//! What objects declare, and what the cloud then has to hold.

use serde_json::{Value, json};

use super::server::StoreKey;

pub(super) const NAMESPACE: &str = "media";
pub(super) const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// The Secret with the credentials that objects use.
pub(super) const ACCOUNT: &str = "huaweicloud";
/// The Secret with sign keys.
pub(super) const HOOKS: &str = "hooks";

/// An object of the namespace in which all are.
pub(super) fn key(name: &str) -> StoreKey {
    (NAMESPACE.to_owned(), name.to_owned())
}

/// A plain spec for a domain of its own.
pub(super) fn spec(name: &str) -> Value {
    json!({
        "publishDomain": domain(name),
        "app": "live",
        "notifyCallbackURL": "https://hooks.example.com/record",
        "credentialsSecretRef": {"name": ACCOUNT},
    })
}

pub(super) fn domain(name: &str) -> String {
    format!("{name}.example.com")
}

/// The Ready condition.
pub(super) fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions.and_then(|all| all.iter().find(|one| one["type"] == "Ready"));
    ready.cloned().unwrap_or_default()
}

/// Status and reason of the Ready condition, where it tells of the present generation; else `stale`.
pub(super) fn verdict(object: &Value) -> (String, String) {
    let ready = ready(object);
    let is_current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    let word = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
    if is_current {
        (word("status"), word("reason"))
    } else {
        ("stale".to_owned(), word("reason"))
    }
}
