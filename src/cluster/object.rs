//! Reads and writes of `RecordingCallback` objects. Every write says what it relies on, so that none is based on something stale.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, TestOperation};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::{Value, json};

use super::client::{call, if_there};
use super::crd_check::CRD_NAME;
use super::error::ClusterError;
use super::stored::{MOST_FINALIZERS, StoredObject};
use crate::api::status::Status;
use crate::api::{FINALIZER, PENDING_OPERATION, RecordingCallback};

/// Who we are to the API server.
pub const FIELD_MANAGER: &str = "recording-callback-operator";

/// The objects of every namespace.
#[derive(Clone)]
pub struct ObjectClient {
    client: Client,
}

/// Which version of an object a metadata patch was planned on.
#[derive(Debug, Clone)]
pub struct ObjectVersion {
    /// UID.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What the status patch of a create's outcome relies on, instead of a resourceVersion: a fresh id must never be lost to a conflict.
#[derive(Debug, Clone)]
pub struct OutcomePreconditions {
    /// UID.
    pub uid: String,
    /// The record's annotation, word for word; it names our attempt as the newest.
    pub record: String,
    /// `status.callbackID` as planned on.
    pub callback_id: Option<String>,
}

impl ObjectClient {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object as it is now, if it is there.
    pub async fn get(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<RecordingCallback>, ClusterError> {
        let op = "read the RecordingCallback";
        let answer = call(op, self.api(namespace).get(name)).await;
        let found = if_there(self.gone_with_crd(answer).await)?;
        found.map(|stored| readable(op, stored)).transpose()
    }

    /// Puts finalizer and record on the object, if it is still at this version.
    pub async fn protect(
        &self,
        object: &RecordingCallback,
        version: &ObjectVersion,
        record: Option<&str>,
    ) -> Result<RecordingCallback, ClusterError> {
        let mut operations = guarded(version);
        let finalizers = object.metadata.finalizers.as_deref().unwrap_or_default();
        let is_held = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
        if is_held || object.metadata.deletion_timestamp.is_some() {
            // Of what is being deleted the API server refuses a new finalizer, and the record with it.
        } else if finalizers.is_empty() {
            operations.push(add(["metadata", "finalizers"], json!([FINALIZER])));
        } else {
            operations.push(add(["metadata", "finalizers", "-"], json!(FINALIZER)));
        }
        if let Some(record) = record {
            if object
                .metadata
                .annotations
                .as_ref()
                .is_none_or(std::collections::BTreeMap::is_empty)
            {
                operations.push(add(
                    ["metadata", "annotations"],
                    json!({ PENDING_OPERATION: record }),
                ));
            } else {
                operations.push(add(
                    ["metadata", "annotations", PENDING_OPERATION],
                    json!(record),
                ));
            }
        }
        self.patch("write the finalizer and the record", object, operations)
            .await
    }

    /// Takes the finalizer off the object, if it is still at this version. Gives the object where it has it still: something in the API
    /// server's way has put it back.
    pub async fn release(
        &self,
        object: &RecordingCallback,
        version: &ObjectVersion,
    ) -> Result<Option<RecordingCallback>, ClusterError> {
        let known = object.metadata.finalizers.as_deref().unwrap_or_default();
        let removal = if known.len() < MOST_FINALIZERS {
            without_finalizer(&object.metadata)
        } else {
            // Not all were kept: where ours stands is asked. The version is the same, else the patch is refused.
            let (api, name) = self.addressed(object);
            let answer = call("read the finalizers", api.get_metadata(&name)).await;
            without_finalizer(&self.gone_with_crd(answer).await?.metadata)
        };
        let removals = removal.into_iter().chain(without_record(&object.metadata));
        let removals: Vec<_> = removals.collect();
        if removals.is_empty() {
            return Ok(None);
        }
        let mut operations = guarded(version);
        operations.extend(removals);
        let op = "take the finalizer off";
        let left = self.patch(op, object, operations).await?;
        Ok(Some(left).filter(|left| without_finalizer(&left.metadata).is_some()))
    }

    /// Writes a status, if the object is still at this version.
    pub async fn write_status(
        &self,
        object: &RecordingCallback,
        version: &ObjectVersion,
        status: &Status,
    ) -> Result<RecordingCallback, ClusterError> {
        let mut operations = guarded(version);
        operations.push(add(["status"], json!(status)));
        self.patch_status(object, operations).await
    }

    /// Writes the outcome of a create, if what it is based on still holds, whatever else changed.
    pub async fn write_outcome(
        &self,
        object: &RecordingCallback,
        preconditions: &OutcomePreconditions,
        status: &Status,
    ) -> Result<RecordingCallback, ClusterError> {
        let operations = vec![
            test(["metadata", "uid"], json!(preconditions.uid)),
            test(
                ["metadata", "annotations", PENDING_OPERATION],
                json!(preconditions.record),
            ),
            test(["status", "callbackID"], json!(preconditions.callback_id)),
            add(["status"], json!(status)),
        ];
        self.patch_status(object, operations).await
    }

    async fn patch(
        &self,
        op: &'static str,
        object: &RecordingCallback,
        operations: Vec<PatchOperation>,
    ) -> Result<RecordingCallback, ClusterError> {
        let (api, name) = self.addressed(object);
        let patch = Patch::Json::<()>(json_patch::Patch(operations));
        let answer = call(op, api.patch(&name, &params(), &patch)).await;
        readable(op, self.gone_with_crd(answer).await?)
    }

    async fn patch_status(
        &self,
        object: &RecordingCallback,
        operations: Vec<PatchOperation>,
    ) -> Result<RecordingCallback, ClusterError> {
        let (api, name) = self.addressed(object);
        let patch = Patch::Json::<()>(json_patch::Patch(operations));
        let op = "write the status";
        let answer = call(op, api.patch_status(&name, &params(), &patch)).await;
        readable(op, self.gone_with_crd(answer).await?)
    }

    /// An answer that the resource is unknown says nothing of an object: it may be a page of what stands before the API server, or of
    /// one that has only just started. Where the CRD is not there, its objects are not either, and that is the answer then.
    async fn gone_with_crd<T>(&self, answer: Result<T, ClusterError>) -> Result<T, ClusterError> {
        let error = match answer {
            Err(error) if error.is_unserved() => error,
            answer => return answer,
        };
        let crds = Api::<CustomResourceDefinition>::all(self.client.clone());
        match call("read the CRD", crds.get_metadata(CRD_NAME)).await {
            Err(missing) if missing.is_not_found() => Err(missing),
            Ok(_) | Err(_) => Err(error),
        }
    }

    fn addressed(&self, object: &RecordingCallback) -> (Api<StoredObject>, String) {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        (
            self.api(namespace),
            object.metadata.name.clone().unwrap_or_default(),
        )
    }

    fn api(&self, namespace: &str) -> Api<StoredObject> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

impl ObjectVersion {
    /// The version of an object that was read.
    pub fn of(object: &RecordingCallback) -> Self {
        Self::of_metadata(&object.metadata)
    }

    pub(super) fn of_metadata(metadata: &ObjectMeta) -> Self {
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        }
    }
}

/// The object, if it is of our schema.
fn readable(op: &'static str, stored: StoredObject) -> Result<RecordingCallback, ClusterError> {
    let unreadable = |error| kube::Error::SerdeError(serde::de::Error::custom(error));
    stored
        .0
        .map_err(|error| ClusterError::new(op, unreadable(error)))
}

/// Whether a write was refused because the object is not as it was planned on.
pub fn is_stale(error: &ClusterError) -> bool {
    error.is_conflict() || (error.is_invalid() && !error.has_causes())
}

pub(super) fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// What takes our finalizer off an object and leaves those of others, if it has ours.
pub(super) fn without_finalizer(metadata: &ObjectMeta) -> Option<PatchOperation> {
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let index = finalizers
        .iter()
        .position(|finalizer| finalizer == FINALIZER)?;
    Some(remove(["metadata", "finalizers", &index.to_string()]))
}

/// What takes the record off an object that stays for others when it is let go. By its attempts rows may be ours: a process that starts later
/// would take the missing finalizer for wiped, and delete what somebody else made at a place that was told to be free.
fn without_record(metadata: &ObjectMeta) -> Option<PatchOperation> {
    let annotations = metadata.annotations.as_ref()?;
    let mut finalizers = metadata.finalizers.iter().flatten();
    let is_left =
        metadata.deletion_timestamp.is_some() && finalizers.any(|finalizer| finalizer != FINALIZER);
    (is_left && annotations.contains_key(PENDING_OPERATION))
        .then(|| remove(["metadata", "annotations", PENDING_OPERATION]))
}

pub(super) fn guarded(version: &ObjectVersion) -> Vec<PatchOperation> {
    vec![
        test(["metadata", "uid"], json!(version.uid)),
        test(
            ["metadata", "resourceVersion"],
            json!(version.resource_version),
        ),
    ]
}

fn test<const N: usize>(path: [&str; N], value: Value) -> PatchOperation {
    PatchOperation::Test(TestOperation {
        path: PointerBuf::from_tokens(path),
        value,
    })
}

fn remove<const N: usize>(path: [&str; N]) -> PatchOperation {
    let path = PointerBuf::from_tokens(path);
    PatchOperation::Remove(RemoveOperation { path })
}

pub(super) fn add<const N: usize>(path: [&str; N], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(path),
        value,
    })
}
