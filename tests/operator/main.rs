//! Everything that is tested against a real Kubernetes control plane, in one binary, so that one control plane serves it all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod architecture;
mod crd;
mod deletion;
mod duplicates;
mod examples;
mod interference;
mod lifecycle;
mod management;
mod manifests;
mod ownership;
mod support;
mod uninstall;
