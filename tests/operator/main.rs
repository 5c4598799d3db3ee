//! Everything that is tested against a real Kubernetes control plane, in one binary, so that one control plane serves it all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, its helpers too"
)]

mod ambient;
mod answers;
mod architecture;
mod bad_input;
mod bench;
mod clocks;
mod commands;
mod crash;
mod crd;
mod credentials;
mod credentials_network;
mod credentials_strikes;
mod credentials_target;
mod deletion;
mod doctor;
mod doctor_cloud;
mod doctor_surroundings;
mod drift;
mod duplicates;
mod errors;
mod examples;
mod failed_looks;
mod failure_story;
mod figures;
#[allow(dead_code, reason = "what the unit tests need more")]
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod ghosts;
mod interference;
mod levels;
mod lifecycle;
mod listener;
mod management;
mod manifests;
mod neighbours;
mod neighbours_hostile;
mod neighbours_silent;
mod ownership;
mod plan;
mod plan_applied;
mod release;
mod released;
mod remote;
mod restored;
mod rights;
mod scale;
mod scope;
mod series;
mod sign_key;
mod skew;
mod startup;
mod support;
mod tenants;
mod terminal;
mod uninstall;
mod waiting;
mod watches;
