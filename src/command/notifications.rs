//! `verify-notification` and `serve-notifications`: what a receiver of notifications has to do, done once and done right. Never calls the
//! cloud, and a cluster only to read its objects.

mod expected;
pub mod serve;
mod verdict;
pub mod verify;
mod watched;
