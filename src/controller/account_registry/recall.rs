//! What statuses tell of refused credentials, recalled when a process starts. Reads Secrets, the namespaces side by side, and calls nobody.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::time::timeout;

use super::AccountRegistry;
use crate::controller::store::KeptObject;

/// How many Secrets of a namespace are read at once, and of how many namespaces: those that have many hold up no other.
const OF_ONE_NAMESPACE: usize = 2;
const NAMESPACES_AT_ONCE: usize = 64;
/// How long they are read.
const LIMIT: Duration = Duration::from_secs(10);

impl AccountRegistry {
    /// What an earlier process saw refused, before anything is called: the objects of one access key share their failures. Where
    /// that is remembered, what settled objects has a try of its own: others of the same key may be to blame. A Secret that
    /// can't be read by then holds up nobody: its own object brings the refusal along when it first calls.
    pub(in crate::controller) async fn recall_refusals(&self, objects: &[Arc<KeptObject>]) {
        let namespaces = stream::iter(to_recall(objects));
        let all = namespaces.for_each_concurrent(NAMESPACES_AT_ONCE, |objects| {
            let objects = stream::iter(objects);
            objects.for_each_concurrent(OF_ONE_NAMESPACE, |object| self.recall(object))
        });
        // An error means that it has taken long enough.
        let _ = timeout(LIMIT, all).await;
    }

    async fn recall(&self, kept: &KeptObject) {
        let object = kept.unpack();
        if let Ok(read) = self.read(&object, false).await
            && let Ok(login) = read.login
        {
            if is_settled(kept) {
                self.client.strikes.vouch(&login.credential);
            }
            let digest = login.credential.digest(&kept.uid);
            self.inherit_refusal(&object, &login.credential, &digest);
        }
    }
}

/// The objects whose credentials are to be known, by namespace: first those that tell of a refusal, then of the settled ones with one login
/// one. Nobody, where none tells of a refusal.
fn to_recall(objects: &[Arc<KeptObject>]) -> Vec<Vec<&KeptObject>> {
    let mut namespaces: BTreeMap<&str, Vec<&KeptObject>> = BTreeMap::new();
    let refused = objects.iter().filter(|object| object.is_refused);
    for object in refused {
        namespaces
            .entry(object.namespace())
            .or_default()
            .push(object);
    }
    if namespaces.is_empty() {
        return Vec::new();
    }
    let mut logins = HashSet::new();
    for object in objects.iter().filter(|object| is_settled(object)) {
        if logins.insert(object.references.login()) {
            namespaces
                .entry(object.namespace())
                .or_default()
                .push(object);
        }
    }
    namespaces.into_values().collect()
}

fn is_settled(object: &KeptObject) -> bool {
    object.has_id && object.is_ready
}
