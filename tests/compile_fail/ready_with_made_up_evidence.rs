//! error[E0423]: cannot initialize a tuple struct which contains private fields
//! Nobody but a comparison of what is wanted with what was seen or sent says that the cloud holds it.

use recording_callback_operator::plan::step::held::SpecHeld;

pub fn evidence() -> SpecHeld {
    SpecHeld(())
}
