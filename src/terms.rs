//! Terms that decisions and calls share: what a failure means. No logic beyond what a term says of itself, and no import of any other
//! module.

pub mod failure;
