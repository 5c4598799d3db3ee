//! `ConfigMap`s and Secrets that a container's variables are of: each is read once, and of it only what is asked for. Only reads.

use std::collections::BTreeMap;
use std::fmt;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::Api;

use super::super::client::call_opt;
use super::super::error::ClusterError;
use super::super::path::segment;
use super::super::secret::{Keys, SecretClient};

/// One of them, by its name in the container's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceName {
    ConfigMap(String),
    Secret(String),
}

impl fmt::Display for SourceName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigMap(name) => write!(to, "ConfigMap {name}"),
            Self::Secret(name) => write!(to, "Secret {name}"),
        }
    }
}

/// What one holds.
pub(super) enum SourceContent {
    Absent,
    /// It can't be read: why.
    Unreadable(String),
    /// The keys that it has of those that were asked for; `None` for what is no text, or too long for a setting.
    Holds(BTreeMap<String, Option<String>>),
}

/// What they hold of these keys.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    wanted: BTreeMap<SourceName, Keys>,
) -> BTreeMap<SourceName, SourceContent> {
    let read = wanted.into_iter().map(async |(source, keys)| {
        let content = match &source {
            SourceName::ConfigMap(name) => config_map(client, namespace, name, &keys).await,
            SourceName::Secret(name) => secret(client, namespace, name, &keys).await,
        };
        let content = content.unwrap_or_else(|error| {
            let why = if error.is_forbidden() {
                "may not be read".to_owned()
            } else {
                error.to_string()
            };
            SourceContent::Unreadable(why)
        });
        (source, content)
    });
    join_all(read).await.into_iter().collect()
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
    keys: &Keys,
) -> Result<SourceContent, ClusterError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let Some(found) = call_opt("read the ConfigMap", api.get(&segment(name))).await? else {
        return Ok(SourceContent::Absent);
    };
    let held = found.data.unwrap_or_default().into_iter();
    let asked_for = held.filter(|(key, _)| keys.contains(key));
    let texts = asked_for.map(|(key, text)| (key, Some(text)));
    Ok(SourceContent::Holds(texts.collect()))
}

async fn secret(
    client: &Client,
    namespace: &str,
    name: &str,
    keys: &Keys,
) -> Result<SourceContent, ClusterError> {
    let secrets = SecretClient::new(client.clone());
    let Some(values) = secrets.read(namespace, name, keys).await? else {
        return Ok(SourceContent::Absent);
    };
    let text = |key: &String| {
        let value = values.get(key);
        let text = value.and_then(|value| String::from_utf8(value.to_vec()).ok());
        let is_there = value.is_some() || values.is_too_long(key);
        is_there.then(|| (key.clone(), text))
    };
    Ok(SourceContent::Holds(keys.iter().filter_map(text).collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::Response;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::lock::lock;

    /// What an API server answers to this path.
    fn answer(path: &str) -> (u16, Value) {
        let refusal = |code: u16, reason: &str| {
            let status =
                json!({ "kind": "Status", "status": "Failure", "reason": reason, "code": code });
            (code, status)
        };
        match path {
            "/api/v1/namespaces/ns/configmaps/held" => (
                200,
                json!({ "metadata": {}, "data": { "A": "a", "B": "b" } }),
            ),
            "/api/v1/namespaces/ns/secrets/held" => (
                200,
                json!({ "metadata": {}, "data": { "A": "aGlkZGVu", "B": "/w==", "C": "!" } }),
            ),
            "/api/v1/namespaces/ns/secrets/closed" => refusal(403, "Forbidden"),
            _ => refusal(404, "NotFound"),
        }
    }

    #[tokio::test]
    async fn each_is_read_once_and_what_keeps_one_back_is_told_of_it_alone() {
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let service = service_fn(move |request: http::Request<Body>| {
            *lock(&count) += 1;
            let (code, body) = answer(request.uri().path());
            let body = Body::from(body.to_string().into_bytes());
            async move { Ok::<_, BoxError>(Response::builder().status(code).body(body)?) }
        });
        let client = Client::new(service, "default");
        let keys: Keys = ["A", "B", "D"].map(str::to_owned).into();
        let names = [
            SourceName::ConfigMap("held".to_owned()),
            SourceName::Secret("held".to_owned()),
            SourceName::Secret("closed".to_owned()),
            SourceName::ConfigMap("gone".to_owned()),
        ];
        let wanted = names.iter().map(|name| (name.clone(), keys.clone()));
        let read = read(&client, "ns", wanted.collect()).await;
        let shown = names.map(|name| match &read[&name] {
            SourceContent::Absent => "absent".to_owned(),
            SourceContent::Unreadable(why) => why.clone(),
            SourceContent::Holds(texts) => format!("{texts:?}"),
        });
        let expected = [
            r#"{"A": Some("a"), "B": Some("b")}"#,
            r#"{"A": Some("hidden"), "B": None}"#,
            "may not be read",
            "absent",
        ];
        assert_eq!(shown, expected);
        assert_eq!(*lock(&asked), 4);
    }
}
