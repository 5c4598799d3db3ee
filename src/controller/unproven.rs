//! What creates may have left of an object that goes, where nobody knows whether they did, nor will: it is told, once. Nothing is asked or
//! deleted here.

use tracing::warn;

use super::context::Context;
use super::reconciliation::{Presence, Reconciliation};
use crate::api::RecordingCallback;
use crate::cluster::event::EventType;
use crate::declared::parse;
use crate::plan::facts::reason::Reason;
use crate::plan::step::delete::left_unproven;
use crate::terms::target::Target;

/// What may be left of an object, and why nobody knows: in the log and as an event.
pub(super) fn report_unproven(context: &Context, object: &RecordingCallback, what: &str) {
    let note = format!("{what} `recording-callback-operator orphans` lists it.");
    warn!(object = parse::object(object).full_name(), "{note}");
    let (event_type, reason) = (EventType::Warning, Reason::OutcomeUnknown);
    context.events.publish(object, event_type, reason, &note);
}

impl<P: Presence> Reconciliation<'_, P> {
    /// What creates may have left of an object that was let go is known to nobody from now on.
    pub(super) fn report_left_unproven(&self) {
        let Some(record) = left_unproven(&self.facts) else {
            return;
        };
        let place = parse::place(&self.object.spec);
        let Target {
            region,
            project_id,
            endpoint,
        } = &record.target;
        let what = format!(
            "The object is let go while it is not known what came of its create: a callback for {place} may stay in region {region}, project {project_id} ({endpoint})."
        );
        report_unproven(self.context, &self.object, &what);
    }
}
