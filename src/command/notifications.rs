//! `verify-notification` and `serve-notifications`: what a receiver of notifications has to do, done once and done right. Calls neither
//! cluster nor cloud.

mod expected;
pub mod serve;
mod verdict;
pub mod verify;

use jiff::Timestamp;

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn now() -> Timestamp {
    Timestamp::now()
}
