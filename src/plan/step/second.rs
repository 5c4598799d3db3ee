//! The decision for a second callback of an object at its place, which an earlier attempt made. Pure.

use std::time::Duration;

use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::facts::{CrdPresence, Facts};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, Step};

/// When it is asked again whether the product is being uninstalled. The place is looked at each time, too.
const ASK_AGAIN: Duration = Duration::from_mins(2);

/// It goes, unless the product may be being uninstalled: then all callbacks stay.
pub(in crate::plan) fn delete_second(facts: &Facts, id: &str) -> Step {
    let why = match &facts.crd {
        CrdPresence::Unread => return Step::ReadCrd,
        CrdPresence::Stays => return Step::Delete { id: id.to_owned() },
        CrdPresence::Going => "the product is being uninstalled, and callbacks stay".to_owned(),
        CrdPresence::Unknown(problem) => format!(
            "it can't be known whether the product is being uninstalled (then it would stay): {problem}"
        ),
    };
    let message = format!(
        "The cloud holds a second callback of this object, {id}, whose delete waits: {why}"
    );
    let situation = Situation::new(Reason::Updating, Stage::Progressing, message);
    Step::Requeue(Requeue::new(situation).until(later(facts.now, ASK_AGAIN)))
}
