//! What applying a manifest would make of an object, as the API server judges it by its rules, defaults and policies. Writes nothing.

use http::Request;
use kube::Client;
use kube::api::{
    Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective,
};
use serde_json::Value;

use super::client::call;
use super::error::ClusterError;
use super::path::segment;
use super::three_way::{self, LAST_APPLIED};
use crate::api::RecordingCallback;

/// Who kubectl is where it merges by itself.
const KUBECTL: &str = "kubectl-client-side-apply";

/// How kubectl applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyMode {
    /// It merges by itself, and tells the API server what changes.
    Client,
    /// The API server merges, by who owns which field.
    Server {
        /// Whose fields the manifest's are.
        manager: String,
        /// Whether it takes fields from others.
        force: bool,
    },
}

/// Tries what is to be applied.
#[derive(Clone)]
pub struct Rehearsal {
    client: Client,
    mode: ApplyMode,
}

impl Rehearsal {
    /// Asks with this client.
    pub fn new(client: Client, mode: ApplyMode) -> Self {
        Self { client, mode }
    }

    /// The object as it would be, with all fields checked strictly, as kubectl asks for it. `current` is the one that is there.
    pub async fn apply(
        &self,
        namespace: &str,
        name: &str,
        wanted: &Value,
        current: Option<&DynamicObject>,
    ) -> Result<DynamicObject, ClusterError> {
        let resource = resource_of(wanted);
        let (namespace, name) = (&*segment(namespace), &*segment(name));
        let api = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let mut params = PatchParams {
            dry_run: true,
            field_manager: Some(KUBECTL.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
            force: false,
        };
        if let ApplyMode::Server { manager, force } = &self.mode {
            params.field_manager = Some(manager.clone());
            params.force = *force;
            let patch = Patch::Apply(wanted);
            let patched = api.patch(name, &params, &patch);
            return call("try the server-side apply", patched).await;
        }
        let Some(current) = current else {
            return call("try the create", self.create(api.resource_url(), wanted)).await;
        };
        let before = current.metadata.annotations.as_ref();
        let before = before.and_then(|all| serde_json::from_str(all.get(LAST_APPLIED)?).ok());
        let stored = serde_json::to_value(current).unwrap_or_default();
        let patch = three_way::patch(before.as_ref(), &annotated(wanted), &stored);
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(current.clone());
        }
        let patch = Patch::Merge(&patch);
        let patched = api.patch(name, &params, &patch);
        call("try the update", patched).await
    }

    /// The client's own create does not ask for strict checks.
    async fn create(&self, url: &str, wanted: &Value) -> kube::Result<DynamicObject> {
        let params = PostParams {
            dry_run: true,
            field_manager: Some(KUBECTL.to_owned()),
        };
        let body = serde_json::to_vec(wanted).map_err(kube::Error::SerdeError)?;
        let request = kube::core::Request::new(url).create(&params, body);
        let (mut head, body) = request.map_err(kube::Error::BuildRequest)?.into_parts();
        let strict = format!("{}&fieldValidation=Strict", head.uri);
        head.uri = strict.parse().map_err(|error: http::uri::InvalidUri| {
            kube::Error::HttpError(http::Error::from(error))
        })?;
        self.client.request(Request::from_parts(head, body)).await
    }
}

/// With annotations, be there none: kubectl adds one of its own, so that they are never removed as a whole.
fn annotated(wanted: &Value) -> Value {
    let mut wanted = wanted.clone();
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .entry("annotations")
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    wanted
}

/// The resource in the version that a manifest names. Its group is ours, whatever the manifest says.
fn resource_of(wanted: &Value) -> ApiResource {
    let mut resource = ApiResource::erase::<RecordingCallback>(&());
    let named = wanted.get("apiVersion").and_then(Value::as_str);
    let version = named.and_then(|named| Some(named.split_once('/')?.1));
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        resource.version = segment(version).into_owned();
        resource.api_version = format!("{}/{}", resource.group, resource.version);
    }
    resource
}

#[cfg(test)]
mod tests;
