//! A namespace for one test.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use k8s_openapi::api::{core::v1, events::v1::Event};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::ObjectMeta,
};
use recording_callback_operator::api::RecordingCallback;
use serde_json::json;

use super::{client, eventually, secrets};

/// Those of many tests may go at the same time, and few go at once.
pub(crate) const GONE: Duration = Duration::from_mins(3);

/// A fresh namespace, which goes with this value.
pub(crate) struct Namespace {
    name: String,
    client: Client,
}

impl Namespace {
    /// Makes one with a name that no other has.
    pub(crate) async fn new() -> Self {
        let namespace = Self::absent().await;
        namespace.restore().await;
        namespace
    }

    /// The name of one that is not there yet.
    pub(crate) async fn absent() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let client = client().await;
        let name = format!(
            "test-{}-{}",
            process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self { name, client }
    }

    /// Deletes it, and waits until it is gone with all that was in it.
    pub(crate) async fn remove(&self) {
        let namespaces: Api<v1::Namespace> = Api::all(self.client());
        let params = DeleteParams::default();
        namespaces.delete(&self.name, &params).await.unwrap();
        eventually("the namespace is gone", GONE, async || {
            let namespace = namespaces.get_opt(&self.name).await.unwrap();
            namespace.is_none().then_some(())
        })
        .await;
    }

    /// Makes it where it is not, be it that it was removed.
    pub(crate) async fn restore(&self) {
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            ..ObjectMeta::default()
        };
        let namespace = v1::Namespace {
            metadata,
            ..v1::Namespace::default()
        };
        Api::all(self.client())
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
    }

    /// Finds its control plane again, which was started anew at another address.
    pub(crate) async fn reconnect(&mut self) {
        self.client = client().await;
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A client of this test.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The recording callbacks in it.
    pub(crate) fn callbacks(&self) -> Api<RecordingCallback> {
        Api::namespaced(self.client(), &self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The test's runtime may be ending and can't be waited for here, so the deletion has one of its own.
        let deleting = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(delete(&name))
        });
        match deleting.join() {
            Ok(Ok(text)) => secrets::check(&format!("namespace {}", self.name), &text),
            Ok(Err(error)) => eprintln!("namespace {} stays: {error}", self.name),
            Err(_) => eprintln!("namespace {} stays", self.name),
        }
    }
}

/// Deletes a namespace and lets its objects go, since no operator may be left to do that. Does not wait until it is gone. Returns
/// what everybody could read in it: the objects as they were, and the events.
async fn delete(name: &str) -> kube::Result<String> {
    let client = client().await;
    let events: Api<Event> = Api::namespaced(client.clone(), name);
    let events = events.list(&ListParams::default()).await?.items;
    let mut text = serde_json::to_string(&events).unwrap();
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    namespaces.delete(name, &DeleteParams::default()).await?;
    let callbacks: Api<RecordingCallback> = Api::namespaced(client, name);
    for callback in callbacks.list(&ListParams::default()).await? {
        text.push_str(&serde_json::to_string(&callback).unwrap());
        if !callback.finalizers().is_empty() {
            let released = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            callbacks
                .patch_metadata(&callback.name_any(), &PatchParams::default(), &released)
                .await?;
        }
    }
    Ok(text)
}
