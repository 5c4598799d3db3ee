//! Terms that decisions and calls share: what a failure means, who goes first, where a call goes. No logic beyond what a term says of itself, and no import of any other
//! module.

pub mod failure;
pub mod lane;
pub mod target;
