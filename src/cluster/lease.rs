//! Leadership by a Lease: which of several replicas acts. Only availability and quota hang on it, correctness does not.
//!
//! `decide` says what to do, `campaign` does it; `liveness` tells who does not campaign whether somebody leads. No time that stands
//! in a Lease is ever compared with a clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

mod campaign;
mod decide;
pub mod liveness;

use super::client::ClusterAccessError;
use campaign::Campaign;

/// Label of the Leases of operators.
pub(super) const OPERATOR_LABEL: (&str, &str) =
    ("app.kubernetes.io/name", "recording-callback-operator");

/// How long `release` may take in all.
const RELEASE_LIMIT: Duration = Duration::from_millis(1500);

/// Whose Lease, and for how long.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are; no two processes may share it.
    pub identity: String,
    /// How long our Lease holds without being renewed.
    pub duration: Duration,
}

impl std::fmt::Display for LeaseSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An identity that no other process has, nor this one after a restart: the pod's name and 8 random digits.
pub fn identity(host_name: &str) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(host_name);
    format!("{host_name}_{:08x}", random >> 32)
}

/// Who is told how a campaign goes.
pub trait LeaseObserver: Send + Sync {
    /// The Lease can be read and written, or what is wrong and what to do about it.
    fn lease(&self, result: Result<(), String>);

    /// Another replica acts.
    fn waits(&self);

    /// This replica acts, or does so no longer.
    fn acts(&self, acts: bool);
}

/// Where a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeadershipPhase {
    Candidate,
    Leading,
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct LeadershipState {
    phase: LeadershipPhase,
    /// Until when nobody else can take the Lease, by our clock; unset while it is not ours.
    valid_until: Option<Instant>,
}

/// Whether this process may act. Clones share one standing.
#[derive(Debug, Clone)]
pub struct Leadership(Option<Elected>);

#[derive(Debug, Clone)]
struct Elected {
    state: watch::Receiver<LeadershipState>,
    release: Arc<Notify>,
}

impl Leadership {
    /// Without election: this process always acts.
    pub fn always() -> Self {
        Self(None)
    }

    /// A Lease that is ours until then, and that nobody renews.
    #[cfg(test)]
    pub fn held_until(until: Instant) -> Self {
        let (_, state) = watch::channel(LeadershipState {
            phase: LeadershipPhase::Leading,
            valid_until: Some(until),
        });
        let release = Arc::default();
        Self(Some(Elected { state, release }))
    }

    /// Starts to campaign, for as long as the runtime lives or until it is lost or released. `connect` makes clients with new
    /// connections.
    pub fn campaign(
        settings: LeaseSettings,
        connect: impl Fn() -> Result<kube::Client, ClusterAccessError> + Send + Sync + 'static,
        observer: impl LeaseObserver + 'static,
    ) -> Result<Self, ClusterAccessError> {
        let (publish, state) = watch::channel(LeadershipState {
            phase: LeadershipPhase::Candidate,
            valid_until: None,
        });
        let release = Arc::new(Notify::new());
        let elected = Elected {
            state,
            release: Arc::clone(&release),
        };
        let campaign = Campaign::new(settings, Box::new(connect), publish, Box::new(observer))?;
        tokio::spawn(campaign.run(release));
        Ok(Self(Some(elected)))
    }

    /// Waits until this process may act.
    pub async fn acquired(&self) {
        let Some(elected) = &self.0 else { return };
        let mut state = elected.state.clone();
        if state
            .wait_for(|state| state.phase == LeadershipPhase::Leading)
            .await
            .is_err()
        {
            std::future::pending::<()>().await; // the campaign is over; `lost` tells
        }
    }

    /// Waits until this process may act no longer; for ever without election.
    pub async fn lost(&self) {
        let Some(elected) = &self.0 else {
            return std::future::pending::<()>().await;
        };
        let mut state = elected.state.clone();
        // An error is a campaign that ended: nobody renews any more.
        let _ = state
            .wait_for(|state| state.phase == LeadershipPhase::Lost)
            .await;
    }

    /// Whether nobody else can have taken the Lease by now: it was renewed less than its duration ago. Always without election.
    pub fn fresh(&self) -> bool {
        self.valid_until()
            .is_none_or(|until| Instant::now() < until)
    }

    /// Until when nobody else can take the Lease, as it was last renewed; now where it is not ours. Unset without election.
    pub fn valid_until(&self) -> Option<Instant> {
        let elected = self.0.as_ref()?;
        let until = elected.state.borrow().valid_until;
        Some(until.unwrap_or_else(Instant::now))
    }

    /// Lets another replica take over at once, if this one leads. Ends within 1.5 s.
    pub async fn release(&self) {
        let Some(elected) = &self.0 else { return };
        elected.release.notify_one();
        let mut state = elected.state.clone();
        let over = async { while state.changed().await.is_ok() {} };
        let _ = timeout(RELEASE_LIMIT, over).await;
    }
}

#[cfg(test)]
mod tests;
