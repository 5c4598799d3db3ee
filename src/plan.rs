//! What to do next for one object, decided from facts. Pure: no Kubernetes client, no HTTP, no clock, no randomness.

pub mod failure;
pub mod place;
pub mod reason;
pub mod row;
