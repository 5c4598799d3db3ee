//! A client of the Live API: no other part of the program calls it. Each call takes a token of the quota by value and is held back by the
//! strikes of its credential; whether it is wanted, the callers decide.

mod api_call;
mod call;
mod permit;
mod proof;

mod operations;
mod payload;
mod rules;

use std::{sync::Arc, time::Duration};

pub use self::payload::Payload;
pub use self::permit::CreatePermit;
use crate::platform::clock::Clock;
use crate::platform::iam::Iam;
use crate::platform::quota::Lane;
use crate::platform::strikes::Strikes;
use crate::platform::transport::Transport;
use crate::terms::failure::Operation;

/// Is told of every call that was made.
pub trait CallMeter: Send + Sync {
    /// A call is handed over that waited so long for its turn.
    fn waited(&self, lane: Lane, wait: Duration);

    /// `status` is that of an answer; `code` is one of the table of codes, or `other`.
    fn call(
        &self,
        operation: Operation,
        status: Option<u16>,
        code: Option<&'static str>,
        elapsed: Duration,
    );
}

/// A client for all accounts.
pub struct Client {
    /// Sends.
    pub transport: Arc<dyn Transport>,
    /// Knows what time it is at the cloud.
    pub clock: Arc<Clock>,
    /// Makes tokens for users.
    pub iam: Arc<Iam>,
    /// Holds back what the cloud would refuse.
    pub strikes: Arc<Strikes>,
    /// Counts.
    pub meter: Arc<dyn CallMeter>,
    /// How long a look may take; a change brings its own deadline.
    pub request_timeout: Duration,
}

impl Client {
    /// A client that knows nothing yet.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<Clock>,
        meter: Arc<dyn CallMeter>,
        request_timeout: Duration,
    ) -> Self {
        let strikes = Arc::new(Strikes::new());
        let iam = Iam::new(
            Arc::clone(&transport),
            Arc::clone(&clock),
            Arc::clone(&strikes),
            request_timeout,
        );
        Self {
            transport,
            clock,
            iam: Arc::new(iam),
            strikes,
            meter,
            request_timeout,
        }
    }
}

#[cfg(test)]
mod tests;
