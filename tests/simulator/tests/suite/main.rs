//! Tests of the simulator as its users meet it: over sockets, with a client of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "everything here is a test or a helper of tests"
)]

mod api;
mod auth;
mod client;
mod faults;
mod iam;
mod lifetime;
mod program;
mod rules;
mod switches;
