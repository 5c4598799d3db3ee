//! error[E0308]: mismatched types
//! A row that was seen says nothing before it is compared with what is wanted: the comparison may fail.

use recording_callback_operator::plan::facts::{Desired, row::Row};
use recording_callback_operator::plan::step::held::SpecHeld;
use recording_callback_operator::plan::step::situation::Stage;

pub fn stage(desired: &Desired, row: &Row) -> Stage {
    Stage::Ready(SpecHeld::by_row(desired, row))
}
