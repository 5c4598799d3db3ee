//! Secrets, read one by one with `get`: never listed, never watched.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;

use super::client::call;
use super::error::Error;

/// The values of a Secret. Its `Debug` shows the names only.
#[derive(Clone, PartialEq, Eq)]
pub struct Values(pub BTreeMap<String, Vec<u8>>);

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads Secrets.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The values of a Secret, or `None` when there is none of that name.
    pub async fn read(&self, namespace: &str, name: &str) -> Result<Option<Values>, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = call("read the Secret", api.get_opt(name)).await?;
        Ok(secret.map(|secret| {
            Values(
                secret
                    .data
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(key, value)| (key, value.0))
                    .collect(),
            )
        }))
    }
}
