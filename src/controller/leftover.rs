//! What an object left at the cloud that went without having been let go: it was replaced without its finalizer and deleted, or
//! deleted by force while its create was under way. Nobody else knows of it any more, so it is deleted here.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tracing::{info, warn};

use super::account::Account;
use super::context::Context;
use super::parse;
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdState;
use crate::live::quota::Lane;
use crate::plan::facts::{Deletion, Shown};
use crate::plan::failure::Class;

/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

/// A callback whose object is gone.
pub(super) struct Leftover {
    /// The object as it last was.
    pub(super) object: Arc<RecordingCallback>,
    /// The callback.
    pub(super) id: String,
    /// The credentials that served last, if they are known.
    pub(super) account: Option<Arc<Account>>,
}

/// Clears away what is left, for ever.
pub(super) async fn run(context: &Context, mut leftovers: UnboundedReceiver<Leftover>) {
    futures::stream::poll_fn(|cx| leftovers.poll_recv(cx))
        .for_each_concurrent(None, |leftover| async move {
            leftover.clear_away(context).await;
        })
        .await;
}

/// The callback of an object that a watch saw go. One that was let go was being deleted. One that was not lost its finalizer
/// before, even if the finalizer came back in the very moment (the API server may delete it all the same), or it leaves what
/// is served here: then it is still there when it is asked for.
pub(super) fn of(object: &RecordingCallback) -> Option<String> {
    let id = object.status.as_ref()?.callback_id.clone()?;
    (!parse::object(object).deleting).then_some(id)
}

impl Leftover {
    async fn clear_away(&self, context: &Context) {
        let meta = parse::object(&self.object);
        let name = format!("{}/{}", meta.namespace, meta.name);
        let mut pause = PAUSES.0;
        loop {
            match self.attempt(context).await {
                Ok(end) => {
                    info!(object = name, remote_id = self.id, "{end}");
                    return;
                }
                Err(problem) => warn!(
                    object = name,
                    remote_id = self.id,
                    "the object went without being let go, and its callback is not deleted yet: {problem}"
                ),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// One try. Says how it ended, or why it has to be made again.
    async fn attempt(&self, context: &Context) -> Result<&'static str, String> {
        let meta = parse::object(&self.object);
        if self.is_to_stay(context) {
            return Ok("the object went without being let go; its callback stays at the cloud");
        }
        let found = context.objects.get(&meta.namespace, &meta.name).await;
        if found
            .map_err(|error| error.to_string())?
            .is_some_and(|object| parse::uid(&object) == meta.uid)
        {
            return Ok("the object is still there, so its callback stays at the cloud");
        }
        match context.crd.read().await {
            CrdState::Terminating | CrdState::Missing => {
                return Ok("the product is being uninstalled; the callback stays at the cloud");
            }
            CrdState::Unreadable(error) => return Err(error.to_string()),
            CrdState::Usable | CrdState::TooOld { .. } | CrdState::NotEstablished { .. } => {}
        }
        self.delete(context, &self.account(context).await?).await
    }

    /// Whether the object was to leave its callback, or nothing may be changed.
    fn is_to_stay(&self, context: &Context) -> bool {
        let policies = parse::policies(&self.object.spec);
        let status = self.object.status.as_ref();
        let adopted = status.is_some_and(|status| status.adopted == Some(true));
        let retains = policies
            .deletion
            .map_or(adopted, |deletion| deletion == Deletion::Retain);
        retains || policies.observe || policies.suspend || context.settings.read_only
    }

    async fn account(&self, context: &Context) -> Result<Arc<Account>, String> {
        if let Some(account) = &self.account {
            return Ok(Arc::clone(account));
        }
        let read = context.accesses.read(&self.object).await;
        let login = read.map_err(|error| error.to_string())?.login;
        let entry = context.accesses.enter(&self.object, login).await;
        entry
            .account
            .ok_or_else(|| "its credentials can't be used".to_owned())
    }

    /// Deletes it, unless somebody else has taken it over.
    async fn delete(
        &self,
        context: &Context,
        account: &Arc<Account>,
    ) -> Result<&'static str, String> {
        let meta = parse::object(&self.object);
        let place = parse::place(&self.object.spec);
        let _alone = context.places.lock(account.target(), &place).await;
        let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
        let token = token.await;
        let id = std::iter::once(self.id.as_str());
        if !context.index.held_by_others(&meta.uid, id).is_empty() {
            return Ok("the object is gone; its callback belongs to another one now");
        }
        if !context.leadership.fresh() {
            return Err("the Lease was not renewed in time".to_owned());
        }
        let deadline = context.deadline(context.request_timeout);
        let reply = account.delete(token, &self.id, deadline).await;
        account.looks().wrote(&place);
        let Err(failure) = reply else {
            return Ok("the object went without being let go; its callback is deleted");
        };
        let gone = failure.class == Class::Gone
            || (failure.class == Class::Rejected && {
                let token = account.bucket().acquire(Lane::Urgent, &meta.namespace);
                account.show(token.await, &self.id).await == Shown::Gone
            });
        if gone {
            return Ok("the object went without being let go; its callback is gone, too");
        }
        Err(failure.message)
    }
}
