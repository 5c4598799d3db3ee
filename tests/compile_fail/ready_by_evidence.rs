//! The way that there is: what was seen is compared with what is wanted, then Ready is said. It compiles, so the other files fail for
//! the reason that they give.

use recording_callback_operator::plan::facts::reason::Reason;
use recording_callback_operator::plan::facts::{Desired, row::Row};
use recording_callback_operator::plan::step::held::SpecHeld;
use recording_callback_operator::plan::step::situation::{Situation, Stage};

pub fn ready(desired: &Desired, row: &Row) -> Option<Situation> {
    let held = SpecHeld::by_row(desired, row)?;
    Some(Situation::new(Reason::Available, Stage::Ready(held), "The cloud holds this spec."))
}
