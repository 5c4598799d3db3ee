//! What to do next for one object, decided from facts. Pure and total: no Kubernetes client, no HTTP, no clock, no randomness.
//!
//! `step::decide` is called again and again with the facts gathered so far: it asks for what it needs to know, and ends with at most
//! one change at the cloud, after which everything is observed anew.
//!
//! The parts build on each other, in this order: what is known (`facts`), whose it is (`ownership`), what to do (`step`), and what the
//! status says of what was done (`outcome`).

pub mod facts;
pub mod outcome;
pub mod ownership;
pub mod step;

#[cfg(test)]
mod tests;
