//! Reads the Secrets in use again and again, so that a rotated key or a repaired credential takes effect by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::Objects;
use super::context::Context;
use super::secrets::{Change, Name};
use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::live::credentials::CredentialSet;
use crate::login::secret;
use crate::plan::conditions;

/// No more than 10 reads a second.
const SPACING: Duration = Duration::from_millis(100);

/// Polls for ever.
pub(super) async fn run(context: &Context, stores: &[Objects]) {
    loop {
        let next = Instant::now() + context.secret_poll_interval;
        let users = users(stores);
        context
            .accesses
            .secrets()
            .retain(&users.keys().cloned().collect());
        for (name, objects) in urgent_first(users) {
            match context.accesses.secrets().change(&name).await {
                Ok(change) => objects
                    .iter()
                    .filter(|object| concerns(object, &name.1, &change))
                    .for_each(|object| nudge(context, object)),
                Err(error) => {
                    debug!(%error, namespace = name.0, secret = name.1, "a Secret was not read");
                }
            }
            sleep(SPACING).await;
        }
        sleep_until(next).await;
    }
}

/// The objects that use each Secret.
fn users(stores: &[Objects]) -> BTreeMap<Name, Vec<Arc<RecordingCallback>>> {
    let mut users: BTreeMap<Name, Vec<Arc<RecordingCallback>>> = BTreeMap::new();
    for object in stores.iter().flat_map(Objects::state) {
        for name in secret::names(&object) {
            users.entry(name).or_default().push(Arc::clone(&object));
        }
    }
    users
}

/// Whether a value changed that the object uses, or may have: a settled object's key, which nobody looked at since this process runs.
fn concerns(object: &RecordingCallback, secret: &str, change: &Change) -> bool {
    let spec = &object.spec;
    let credentials = spec
        .credentials_secret_ref
        .as_ref()
        .is_some_and(|reference| {
            reference.name == secret && change.concerns(|values| CredentialSet::digest(&values.0))
        });
    let key = spec.sign_key_secret_ref.as_ref().is_some_and(|reference| {
        let settled = || object.status.as_ref().is_some_and(conditions::is_ready);
        let unseen = matches!(change, Change::First(..)) && settled();
        reference.name == secret
            && (unseen || change.concerns(|values| values.0.get(&reference.key).cloned()))
    });
    credentials || key
}

/// Those first whose objects wait for something.
fn urgent_first(
    users: BTreeMap<Name, Vec<Arc<RecordingCallback>>>,
) -> Vec<(Name, Vec<Arc<RecordingCallback>>)> {
    let waits = |object: &Arc<RecordingCallback>| {
        object.metadata.deletion_timestamp.is_some()
            || !object.status.as_ref().is_some_and(conditions::is_ready)
    };
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_by_key(|(_, objects)| !objects.iter().any(waits));
    users
}

/// Something that the object uses changed: a backoff does not hold any more.
pub(super) fn nudge(context: &Context, object: &Arc<RecordingCallback>) {
    let uid = parse::uid(object);
    context.memories.with(&uid, |memory| memory.nudged = true);
    context.memories.wake(&uid);
    context.trigger(ObjectRef::from_obj(object.as_ref()));
}
