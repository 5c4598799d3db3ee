//! A Kubernetes operator that keeps recording callbacks of Huawei Cloud Live equal to `RecordingCallback` objects.
//!
//! Dependencies point one way: `terms` <- `plan`, `platform` <- `live`; these, `cluster` and `declared` <- `login` <- `controller` and
//! `command` <- `run` and `main`. `docs/architecture.md` tells the way of an event through the modules, and where each question is
//! decided.

pub mod admin;
pub mod api;
pub mod cluster;
pub mod command;
pub mod config;
pub mod controller;
pub mod declared;
pub mod explain;
#[cfg(test)]
#[path = "../tests/fuzz/mod.rs"]
mod fuzz;
mod hash;
pub mod live;
mod lock;
pub mod log;
pub mod login;
pub mod metrics;
pub mod plan;
pub mod platform;
pub mod run;
mod similar;
mod sparse;
pub mod stop;
pub mod terms;
