//! What an object left at the cloud that went without having been let go: it was replaced without its finalizer and deleted, or
//! deleted by force while its create was under way. Nobody else knows of it any more, so what would have been done is done
//! here: `plan` decides as for an object that is being deleted, and no object is written. Each waits for its turn as others do, and goes on
//! while the process drains.

mod attempt;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{error, info, warn};

use self::attempt::AttemptEnd;
use super::clean_up_slots::CleanUpSlots;
use super::context::Context;
use super::leftover::Leftover;
use super::unproven::report_unproven;
use crate::declared::parse;

/// How long it is tried. Whatever stands in the way then needs a person, who is told the id.
const LONGEST: Duration = Duration::from_hours(1);
/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

/// Why it is given up, where that is not for want of success.
const OPERATOR_ENDS: &str = "the operator ends";

/// What is told of an object that somebody else may serve now.
const STILL_THERE: &str = "the object is still there, so its callback stays at the cloud";

/// What is told of a record that anybody may have written: nothing is asked or deleted for it.
const OF_A_RECORD: &str = "The object went with the record of a create that this process has not made, and whose outcome is not known. If a callback was made,";

/// What comes to be cleared away. What nobody has begun with when this is dropped is told.
pub(super) struct Leftovers(UnboundedReceiver<Leftover>);

impl Leftovers {
    /// What is sent here.
    pub(super) fn new(sent: UnboundedReceiver<Leftover>) -> Self {
        Self(sent)
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        while let Ok(leftover) = self.0.try_recv() {
            drop(Unfinished(Some(leftover)));
        }
    }
}

/// Clears away what is left until `served` says that objects are served no more, and then what the last of it left. By that time the process
/// drains: what is tried is tried to its end, and nothing waits for another try. Who can't wait so long drops this.
pub(super) async fn run(
    context: &Context,
    mut leftovers: Leftovers,
    served: oneshot::Receiver<()>,
) {
    let slots = &CleanUpSlots::new();
    let mut served = served.fuse();
    stream::poll_fn(move |cx| {
        if served.poll_unpin(cx).is_ready() {
            leftovers.0.close();
        }
        leftovers.0.poll_recv(cx)
    })
    .for_each_concurrent(None, |leftover| clear(context, slots, leftover))
    .await;
}

/// Clears away what one object has left.
async fn clear(context: &Context, slots: &CleanUpSlots, leftover: Leftover) {
    let room = slots.room(&leftover).filter(|_| leftover.is_ours);
    let Some(_room) = room else {
        report_unproven(context, &leftover.object, &leftover.unproven());
        return leftover.forget(context);
    };
    let mut unfinished = Unfinished(Some(leftover));
    if let Some(leftover) = &unfinished.0 {
        let end = tokio::select! {
            end = leftover.clear_away(context, slots) => end,
            () = sleep(LONGEST) => Err("it is given up after an hour"),
        };
        if let Err(why) = end {
            leftover.log_given_up(why);
        }
        leftover.forget(context);
    }
    unfinished.0 = None;
}

/// Waits for the next try. `Err` as soon as the process drains: it would not last until then.
async fn pause(context: &Context, time: Duration) -> Result<(), &'static str> {
    tokio::select! {
        () = context.stop.requested() => Err(OPERATOR_ENDS),
        () = sleep(time) => Ok(()),
    }
}

/// What is not cleared away yet. Dropped so, the process ends: nobody else will ever know of it.
struct Unfinished(Option<Leftover>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(leftover) = &self.0 {
            leftover.log_given_up(OPERATOR_ENDS);
        }
    }
}

impl Leftover {
    /// What may be left of an object of which this process has not seen why it went, and made nothing for it.
    fn unproven(&self) -> String {
        self.status.callback_id.as_ref().map_or_else(
            || OF_A_RECORD.to_owned(),
            |id| format!("The object went without being let go, and its callback {id} may be left at the cloud."),
        )
    }

    /// What came back meanwhile is served, and remembered.
    fn forget(&self, context: &Context) {
        let uid = parse::uid(&self.object);
        if !context.index.has(&uid) {
            context.memories.forget(&uid);
        }
    }

    fn log_given_up(&self, why: &str) {
        error!(
            object = self.name(),
            remote_id = self.status.callback_id.as_deref().unwrap_or_default(),
            "the object went without being let go, and its callback may be left at the cloud: {why}; see `recording-callback-operator orphans`"
        );
    }

    /// Until nothing is left to do. `Err` says why it is given up.
    async fn clear_away(
        &self,
        context: &Context,
        slots: &CleanUpSlots,
    ) -> Result<(), &'static str> {
        let name = self.name();
        let remote_id = self.status.callback_id.as_deref().unwrap_or_default();
        let namespace_slot = slots.of_namespace(self).await;
        // What only left the selector is there still, and needs no slot of all.
        if let Ok(true) = self.is_there(context).await {
            info!(object = name, remote_id, "{STILL_THERE}");
            return Ok(());
        }
        drop(namespace_slot);
        let mut next = PAUSES.0;
        let mut deleted = BTreeSet::new();
        loop {
            // Only while it is tried: those that fail again and again must leave room for the others.
            let slots = (slots.of_namespace(self).await, slots.of_all(self).await);
            let end = Box::pin(self.attempt(context, &mut deleted)).await;
            drop(slots);
            match end {
                AttemptEnd::Done(end) => {
                    info!(object = name, remote_id, "{end}");
                    return Ok(());
                }
                AttemptEnd::Later(wait) => pause(context, wait).await?,
                AttemptEnd::Problem(problem) => {
                    warn!(
                        object = name,
                        remote_id,
                        "the object went without being let go, and its callback is not deleted yet: {problem}"
                    );
                    pause(context, next).await?;
                    next = (next * 2).min(PAUSES.1);
                }
            }
        }
    }
}
