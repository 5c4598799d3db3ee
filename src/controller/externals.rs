//! The ways out of this process, and its clock: all that tests in virtual time replace. No other file of the controller makes a
//! transport or reads the wall clock.

use std::sync::Arc;

use jiff::Timestamp;

use crate::platform::clock::WallClock;
use crate::platform::transport::{HttpTransport, Transport};

/// The ways out of this process, and its clock. Tests that run in virtual time hand in others.
pub(super) struct Externals {
    /// The way to the API server.
    pub(super) kube: kube::Client,
    /// The way to the cloud.
    pub(super) cloud: Arc<dyn Transport>,
    /// The way to what is on this machine or on its link.
    pub(super) direct: Arc<dyn Transport>,
    /// The local wall clock.
    pub(super) wall: WallClock,
}

impl Externals {
    /// As the environment has it.
    pub(super) fn real(kube: kube::Client) -> anyhow::Result<Self> {
        let wall: WallClock = Arc::new(local_time);
        Ok(Self {
            kube,
            cloud: Arc::new(HttpTransport::new(Arc::clone(&wall))?),
            direct: Arc::new(HttpTransport::direct(Arc::clone(&wall))?),
            wall,
        })
    }
}

/// The one place where the local wall clock is read.
#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn local_time() -> Timestamp {
    Timestamp::now()
}
