//! A callback that something else keeps rewriting: told until that has stopped for an hour, and not fought over meanwhile. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::facts::{Facts, conditions};
use crate::plan::step::situation::{Situation, Stage};

/// How often a contested row is repaired.
const REPAIR: Duration = Duration::from_mins(10);
/// How long a rewrite counts.
pub const HOUR: Duration = Duration::from_hours(1);

/// Until when a row is left alone that was rewritten a second time within an hour.
pub(in crate::plan) fn backoff_until(facts: &Facts) -> Option<Timestamp> {
    let hurry = facts.is_urged();
    let repaired = repaired(facts).filter(|_| facts.rewrites.count > 0 || is_contended(facts));
    let next = later(repaired?, REPAIR);
    (next > facts.now && !hurry).then_some(next)
}

/// When the contention is over, if there is one and nothing rewrites the callback again: an hour after the last rewrite that was put
/// right, whatever is done at once meanwhile since somebody asked.
pub(in crate::plan) fn end(facts: &Facts) -> Option<Timestamp> {
    let repaired = repaired(facts).filter(|_| facts.rewrites.count > 1 || is_contended(facts));
    let end = later(repaired?, HOUR);
    (end > facts.now).then_some(end)
}

/// The situation of a callback that is as it is to be, if nothing rewrites it all the time.
pub(in crate::plan) fn unless_contended(facts: &Facts, otherwise: Situation) -> Situation {
    match (end(facts), facts.id()) {
        (Some(_), Some(id)) => contended(id),
        (_, _) => otherwise,
    }
}

/// Something else keeps rewriting the callback.
pub(in crate::plan) fn contended(id: &str) -> Situation {
    let message = format!(
        "Something else keeps rewriting the callback {id}, or the cloud does not carry out its updates: it is repaired at most once in 10 minutes until that stops for an hour. Find who else writes it."
    );
    Situation::new(Reason::Contended, Stage::Stalled, message)
}

/// When a rewrite was last put right. A restart knows only that there was one, and when we last wrote.
fn repaired(facts: &Facts) -> Option<Timestamp> {
    let assumed = facts.last_write.filter(|_| is_contended(facts));
    let repaired = facts.rewrites.repaired.or(assumed);
    repaired.map(|at| at.min(facts.now))
}

fn is_contended(facts: &Facts) -> bool {
    conditions::has_reason(&facts.status, Reason::Contended)
}
