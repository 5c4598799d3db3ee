//! What to do next for one object, decided from facts. Pure and total: no Kubernetes client, no HTTP, no clock, no randomness.
//!
//! `decide` is called again and again with the facts gathered so far: it asks for what it needs to know (`Step::Access`,
//! `Look`, `Show`, `Definition`) and ends with at most one change at the cloud, after which everything is observed anew.
//!
//! The files build on each other without a circle, in this order: what is known (`facts`, of `content`, `row`, `record`), what the
//! status tells (`ledger`, `conditions`, `settled`), a `step` and what keeps from it (`gate`, `foreign`), the decisions that end in
//! `decide`, and the `outcome` of what was done.

pub mod backoff;
pub mod conditions;
pub mod content;
pub mod contest;
pub mod credible;
pub mod decide;
pub mod delete;
pub mod difference;
mod dispute;
pub mod facts;
pub mod failure;
pub mod foreign;
pub mod gate;
pub mod hold;
pub mod interpreter;
pub mod ledger;
pub mod manage;
pub mod observe;
pub mod observed;
pub mod outcome;
pub mod owner;
pub mod parting;
pub mod place;
pub mod reason;
pub mod record;
pub mod row;
pub mod settled;
pub mod situation;
pub mod step;
pub mod time;
pub mod unknown;
mod unseen;

#[cfg(test)]
mod tests;
