//! What statuses tell of refused credentials, recalled when a process starts. Reads Secrets, and calls nobody.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::time::timeout;

use super::AccountRegistry;
use crate::controller::store::KeptObject;

/// How many Secrets are read at once when the process starts, and how long it waits for them.
const RECALLED_AT_ONCE: usize = 32;
const RECALL_LIMIT: Duration = Duration::from_secs(10);

impl AccountRegistry {
    /// What an earlier process saw refused, before anything is called: the objects of one access key share their failures. Where
    /// that is remembered, what settled objects has a try of its own: others of the same key may be to blame. A Secret that
    /// can't be read by then holds up nobody: its own object brings the refusal along when it first calls.
    pub(in crate::controller) async fn recall_refusals(&self, objects: &[Arc<KeptObject>]) {
        if !objects.iter().any(|object| object.is_refused) {
            return;
        }
        let is_settled = |object: &KeptObject| object.has_id && object.is_ready;
        let with_status = objects
            .iter()
            .filter(|object| object.is_refused || is_settled(object));
        let all =
            stream::iter(with_status).for_each_concurrent(RECALLED_AT_ONCE, |kept| async move {
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
            });
        // An error means that this is as long as the start waits.
        let _ = timeout(RECALL_LIMIT, all).await;
    }
}
