//! What to do next for one object, decided from facts. Pure and total: no Kubernetes client, no HTTP, no clock, no randomness.
//!
//! `decide` is called again and again with the facts gathered so far: it asks for what it needs to know (`Step::Access`,
//! `Look`, `Show`, `Definition`) and ends with at most one change at the cloud, after which everything is observed anew.

pub mod backoff;
pub mod conditions;
pub mod content;
pub mod credible;
pub mod decide;
pub mod delete;
pub mod difference;
mod dispute;
pub mod facts;
pub mod failure;
pub mod hold;
pub mod ledger;
pub mod manage;
pub mod observe;
pub mod outcome;
pub mod owner;
pub mod place;
pub mod reason;
pub mod record;
pub mod row;
pub mod situation;
pub mod unknown;
pub mod unseen;

#[cfg(test)]
mod tests;
