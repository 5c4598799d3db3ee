//! The POST itself: handed over once, and answered whatever happens to the object meanwhile.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use kube::runtime::reflector::ObjectRef;
use tracing::debug;

use crate::cluster::object::ObjectVersion;
use crate::controller::account::SharedAccount;
use crate::controller::reconciliation::Reconciliation;
use crate::controller::status_writer::record_annotation;
use crate::controller::update_delete::payload;
use crate::declared::parse;
use crate::live::answer::Answer;
use crate::live::client::CreatePermit;
use crate::live::looks::CreateInFlight;
use crate::plan::facts::Desired;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::terms::failure::{Class, Failure, Operation};

impl Reconciliation<'_> {
    /// POSTs, unless another process may lead by now. The object is protected while the call is under way.
    pub(super) async fn post(
        &mut self,
        account: &Arc<SharedAccount>,
        desired: &Desired,
        record: &Record,
        permit: CreatePermit,
        creating: CreateInFlight,
    ) -> Result<Answer<Option<Row>>, Failure> {
        if !self.context.leadership.fresh() {
            return Err(lease_not_fresh());
        }
        let key = self.sign_key.clone();
        let call = account.create(permit, payload(desired, key.as_deref()));
        let (context, uid) = (self.context, self.facts.object.uid.clone());
        let mut call = Box::pin(async {
            let reply = call.await;
            if place_may_be_taken(&reply) {
                let (target, place) = (account.target(), &desired.place);
                context.accounts.void_place(target, place);
                context
                    .memories
                    .with(&uid, |memory| memory.note_wrote(None));
            }
            drop(creating); // a look may wait for it
            reply
        });
        loop {
            if let Ok(reply) = self.wait_or_changed(call.as_mut()).await {
                return reply;
            }
            // The call goes on meanwhile.
            let restoring = self.restore_wiped_record(record);
            let answered = match select(call.as_mut(), pin!(restoring)).await {
                Either::Left((reply, restoring)) => {
                    restoring.await;
                    Some(reply)
                }
                Either::Right(_) => None,
            };
            if let Some(reply) = answered {
                self.slot.come_back().await;
                return reply;
            }
        }
    }

    /// Writes back what somebody wiped while the POST is under way (`kubectl replace` does): a process that died now would leave
    /// what the POST makes to nobody. Whatever fails here is made good when the outcome is written.
    async fn restore_wiped_record(&mut self, record: &Record) {
        let Some(object) = self.context.newest(&ObjectRef::from_obj(&*self.object)) else {
            return;
        };
        let now = parse::object(&object);
        let found = parse::record(&object);
        let is_whole = now.finalizer && found.as_ref() == Some(record);
        let goes_on = found.is_some_and(|found| found.goes_on_from(record));
        if is_whole || goes_on || now.deleting || now.uid != self.facts.object.uid {
            return;
        }
        let (version, record) = (ObjectVersion::of(&object), record_annotation(record));
        let protect = self
            .context
            .objects
            .protect(&object, &version, Some(&record));
        match protect.await {
            Ok(object) => self.remember(object),
            Err(error) => {
                debug!(%error, object = %self.name(), "a wiped record is not put back yet");
            }
        }
    }
}

/// Whether something lies at the place now that was not seen there, be it ours or another's.
fn place_may_be_taken<T>(reply: &Result<T, Failure>) -> bool {
    let Err(failure) = reply else { return true };
    failure.may_have_changed() || failure.class == Class::Exists
}

/// Another process may lead by now: nothing was handed over.
fn lease_not_fresh() -> Failure {
    let message = "the Lease was not renewed in time, so another operator may be at work";
    Failure::new(Operation::Create, Class::NotSent, message)
}
