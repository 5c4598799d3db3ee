//! Objects as a person works with them by hand, read without their types: one that this version can't read may have to be let go, too.
//! Which of them, and whether, the commands decide.

use json_patch::PatchOperation;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use super::client::{call, call_opt, call_within};
use super::error::ClusterError;
use super::limits::PAGE_TIMEOUT;
use super::object::{ObjectVersion, add, guarded, is_stale, params, without_finalizer};
use super::path::segment;
use crate::api::{DeletionPolicy, FINALIZER, RecordingCallback};

/// How many objects are read at once.
const PAGE: u32 = 500;

/// How often an object is read again that changes while it is let go.
const ATTEMPTS: usize = 5;

/// The objects of every namespace.
#[derive(Clone)]
pub struct RawObjects {
    client: Client,
    resource: ApiResource,
}

/// What became of an object that was to be let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseResult {
    /// Our finalizer is off.
    Released,
    /// It did not have our finalizer.
    NotHeld,
    /// It is gone, or another of this name has taken its place.
    Gone,
}

/// Whether an object has our finalizer.
pub fn is_held(object: &DynamicObject) -> bool {
    let mut finalizers = object.finalizers().iter();
    finalizers.any(|finalizer| finalizer == FINALIZER)
}

impl RawObjects {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        let resource = ApiResource::erase::<RecordingCallback>(&());
        Self { client, resource }
    }

    /// One object, if it is there.
    pub async fn get(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<DynamicObject>, ClusterError> {
        let api = self.api(Some(namespace));
        call_opt("read the RecordingCallback", api.get(&segment(name))).await
    }

    /// The objects of a namespace, or of every one.
    pub async fn list(&self, namespace: Option<&str>) -> Result<Vec<DynamicObject>, ClusterError> {
        let api = self.api(namespace);
        let mut params = ListParams::default().limit(PAGE);
        let mut found = Vec::new();
        loop {
            let page = api.list(&params);
            let page = call_within(PAGE_TIMEOUT, "list the RecordingCallbacks", page).await?;
            found.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    /// Takes our finalizer off an object, and reads it into `object` again as often as it changes meanwhile. What is being deleted keeps its
    /// callback then, whoever sees it as long as others hold it.
    pub async fn release(&self, object: &mut DynamicObject) -> Result<ReleaseResult, ClusterError> {
        let api = self.api(object.metadata.namespace.as_deref());
        let name = object.name_any();
        let mut attempt = 1;
        loop {
            let Some(removal) = without_finalizer(&object.metadata) else {
                return Ok(ReleaseResult::NotHeld);
            };
            let mut operations = guarded(&ObjectVersion::of_metadata(&object.metadata));
            operations.push(removal);
            operations.extend(retaining(object));
            let patch = Patch::Json::<()>(json_patch::Patch(operations));
            let params = params();
            let op = "take the finalizer off";
            match call(op, api.patch(&name, &params, &patch)).await {
                Ok(left) if is_held(&left) => {
                    return Err(ClusterError::not_kept(op, "metadata.finalizers"));
                }
                Ok(_) => return Ok(ReleaseResult::Released),
                Err(error) if error.is_not_found() => return Ok(ReleaseResult::Gone),
                Err(error) if is_stale(&error) && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
            attempt += 1;
            match call_opt("read the RecordingCallback", api.get(&name)).await? {
                Some(now) if now.uid() == object.uid() => *object = now,
                _ => return Ok(ReleaseResult::Gone),
            }
        }
    }

    /// Merges a change into an object, if it is still there. Gives the object as it is then.
    pub async fn merge(
        &self,
        object: &DynamicObject,
        change: &Value,
    ) -> Result<DynamicObject, ClusterError> {
        let api = self.api(object.metadata.namespace.as_deref());
        let (name, params, change) = (object.name_any(), params(), Patch::Merge(change));
        let patched = api.patch(&name, &params, &change);
        call("change the RecordingCallback", patched).await
    }

    fn api(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        let client = self.client.clone();
        match namespace {
            Some(namespace) => Api::namespaced_with(client, &segment(namespace), &self.resource),
            None => Api::all_with(client, &self.resource),
        }
    }
}

/// What is being deleted and held by others, too, may be seen by an operator that starts later, which takes a missing finalizer for wiped and
/// deletes the callback: in the policy every version of it reads that the callback stays.
fn retaining(object: &DynamicObject) -> Option<PatchOperation> {
    let is_left = object.metadata.deletion_timestamp.is_some() && object.finalizers().len() > 1;
    is_left.then(|| add(["spec", "deletionPolicy"], json!(DeletionPolicy::Retain)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use kube::client::Body;
    use tower::{BoxError, service_fn};

    use super::*;

    fn stored(finalizers: &[&str]) -> DynamicObject {
        let resource = ApiResource::erase::<RecordingCallback>(&());
        let mut object = DynamicObject::new("push", &resource).within("media");
        object.metadata.finalizers = Some(finalizers.iter().map(ToString::to_string).collect());
        object
    }

    #[tokio::test]
    async fn an_object_that_has_its_finalizer_still_is_not_let_go() {
        for (left, is_let_go) in [(&[FINALIZER][..], false), (&["other"], true)] {
            let answer = json!(stored(left)).to_string();
            let service = service_fn(move |_: Request<Body>| {
                let answer = Response::new(Full::new(Bytes::from(answer.clone())));
                async move { Ok::<_, BoxError>(answer) }
            });
            let objects = RawObjects::new(Client::new(service, "default"));
            let released = objects.release(&mut stored(&[FINALIZER])).await;
            let words = released.map_err(|error| error.to_string());
            assert_eq!(words.is_ok(), is_let_go, "{words:?}");
        }
    }
}
