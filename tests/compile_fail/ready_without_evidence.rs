//! error[E0308]: mismatched types
//! Ready is not said of what nobody saw and nothing answered.

use recording_callback_operator::plan::facts::reason::Reason;
use recording_callback_operator::plan::step::situation::{Situation, Stage};

pub fn ready() -> Situation {
    Situation::new(Reason::Available, Stage::Ready, "The cloud holds this spec.")
}
