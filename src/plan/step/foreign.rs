//! What becomes of rows at an object's place that are not its own. Pure; whose they are is `ownership`'s.

use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::{Adoption, Desired, Facts, difference};
use crate::plan::step::backoff::next_look;
use crate::plan::step::preconditions::wait_for_lists;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Step, requeue};

/// A row lies at our place that is not ours: the policy decides.
pub(in crate::plan) fn decide_foreign(facts: &Facts, desired: &Desired, row: &Row) -> Step {
    let held_elsewhere = facts.claimed_elsewhere.contains(&row.id);
    let identical = row.reports(&desired.content);
    match desired.adoption {
        _ if held_elsewhere => conflict(
            facts,
            row,
            "another RecordingCallback's status holds its id",
        ),
        Adoption::Always => adopt(facts, row),
        Adoption::IfIdentical if identical => adopt(facts, row),
        Adoption::IfIdentical => {
            let fields =
                difference::describe(&difference::between(&row.reported(), &desired.content));
            conflict(
                facts,
                row,
                &format!(
                    "it differs from the spec ({fields}); adoptionPolicy: Always would take it over and change it"
                ),
            )
        }
        Adoption::Never => conflict(
            facts,
            row,
            "adoptionPolicy is Never; IfIdentical or Always would take it over",
        ),
    }
}

/// Takes a row over, unless an object that is not known yet may hold it.
fn adopt(facts: &Facts, row: &Row) -> Step {
    if facts.knows_all {
        Step::Adopt(row.clone())
    } else {
        wait_for_lists(facts, Reason::Creating)
    }
}

/// Several rows, none of which may be touched.
pub(in crate::plan) fn report_several(facts: &Facts, rows: &[Row]) -> Step {
    const MAX_LISTED: usize = 10;
    let ids = rows.iter().map(|row| row.id.as_str()).take(MAX_LISTED);
    let ids: Vec<&str> = ids
        .chain((rows.len() > MAX_LISTED).then_some("and more"))
        .collect();
    report_conflict(
        facts,
        format!(
            "Several callbacks hold this domain and app: {}. Delete all but one at the cloud.",
            ids.join(", ")
        ),
    )
}

/// A foreign row that may not be adopted.
fn conflict(facts: &Facts, row: &Row, why: &str) -> Step {
    report_conflict(
        facts,
        format!(
            "The callback {} holds this domain and app and is not ours: {why}. Delete it at the cloud, or change the policy.",
            row.id
        ),
    )
}

/// A conflict, looked at again like a rejection.
pub(in crate::plan) fn report_conflict(facts: &Facts, message: String) -> Step {
    requeue(Situation::new(Reason::Conflict, Stage::Stalled, message).at(next_look(facts)))
}
