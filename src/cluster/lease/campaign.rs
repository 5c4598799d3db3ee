//! Reads and writes the Lease. Every write names the version it is based on, so of several replicas one succeeds.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::decide::{LeaseAction, View, decide, ours, released};
use super::{LeadershipPhase, LeadershipState, LeaseObserver, LeaseSettings, OPERATOR_LABEL};
use crate::cluster::client::{CALL_LIMIT, ClusterAccessError, call_within, if_there};
use crate::cluster::error::ClusterError;
use crate::cluster::stamp;

/// How often a standby looks: a Lease that is let go is taken over within 2 s.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Each can meet one write of ours that was given up and lands late.
const RELEASE_ATTEMPTS: usize = 3;

pub(super) type Connect = Box<dyn Fn() -> Result<kube::Client, ClusterAccessError> + Send + Sync>;

/// When to go on.
enum NextRound {
    InTime,
    Soon,
}

/// What was last learnt of the Lease.
enum KnownLease {
    /// Nothing, or something that a write showed to be outdated.
    Nothing,
    Absent,
    Present(Box<ObjectMeta>),
}

pub(super) struct Campaign {
    settings: LeaseSettings,
    connect: Connect,
    api: Api<Lease>,
    known: KnownLease,
    /// What the Lease said when it last changed, and when we saw that.
    seen: (LeaseSpec, Instant),
    state: watch::Sender<LeadershipState>,
    is_failing: bool,
    observer: Box<dyn LeaseObserver>,
}

impl Campaign {
    pub(super) fn new(
        settings: LeaseSettings,
        connect: Connect,
        state: watch::Sender<LeadershipState>,
        observer: Box<dyn LeaseObserver>,
    ) -> Result<Self, ClusterAccessError> {
        Ok(Self {
            api: Api::namespaced(connect()?, &settings.namespace),
            settings,
            connect,
            known: KnownLease::Nothing,
            seen: (LeaseSpec::default(), Instant::now()),
            state,
            is_failing: false,
            observer,
        })
    }

    /// Runs until the Lease is lost or let go.
    pub(super) async fn run(mut self, release: Arc<Notify>) {
        while self.phase() != LeadershipPhase::Lost {
            tokio::select! {
                () = self.round() => {}
                () = release.notified() => return self.release().await,
            }
        }
    }

    /// One look or write, and the wait for the next.
    async fn round(&mut self) {
        let begun = Instant::now();
        let result = self.advance().await;
        self.report_lease(result.as_ref().err());
        if result.as_ref().is_err_and(ClusterError::is_timeout) {
            self.reconnect();
        }
        let interval = match (self.phase(), result) {
            (LeadershipPhase::Lost, _) => return,
            (LeadershipPhase::Leading, Ok(NextRound::InTime)) => self.settings.duration / 3,
            (LeadershipPhase::Candidate, Ok(NextRound::InTime)) => LOOK_INTERVAL,
            (_, Ok(NextRound::Soon) | Err(_)) => self.settings.duration / 15,
        };
        let next = begun + interval;
        sleep_until(self.valid_until().map_or(next, |until| next.min(until))).await;
    }

    async fn advance(&mut self) -> Result<NextRound, ClusterError> {
        if self
            .valid_until()
            .is_some_and(|until| Instant::now() >= until)
        {
            self.lose("it could not be renewed in time");
            return Ok(NextRound::Soon);
        }
        let is_leading = self.phase() == LeadershipPhase::Leading;
        if !is_leading || matches!(self.known, KnownLease::Nothing) {
            self.look().await?;
        }
        let view = View {
            is_leading,
            lease: self.spec(),
            since: self.seen.1,
        };
        match decide(&self.settings, view, Instant::now()) {
            LeaseAction::Create | LeaseAction::Replace => self.write().await,
            LeaseAction::Wait => {
                self.observer.waits();
                Ok(NextRound::InTime)
            }
            LeaseAction::StepDown => {
                self.lose("another replica took it");
                Ok(NextRound::Soon)
            }
        }
    }

    async fn look(&mut self) -> Result<(), ClusterError> {
        let op = format!("read the Lease {}", self.settings);
        let read = self.api.get(&self.settings.name);
        match if_there(call_within(self.call_limit(), op, read).await)? {
            Some(lease) => self.saw(lease),
            None => self.known = KnownLease::Absent,
        }
        Ok(())
    }

    /// Makes the Lease ours. Whether somebody else was faster, the API server tells; then the next round looks again.
    async fn write(&mut self) -> Result<NextRound, ClusterError> {
        let spec = ours(&self.settings, self.spec(), stamp());
        let begun = Instant::now();
        match self.put(spec, self.call_limit()).await {
            Ok(()) => {
                self.hold(begun + self.settings.duration);
                Ok(NextRound::InTime)
            }
            Err(error) if self.is_outdated(&error) => {
                self.known = KnownLease::Nothing;
                Ok(NextRound::Soon)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the write failed because the Lease is no longer as it is known. A namespace that is missing is another matter.
    fn is_outdated(&self, error: &ClusterError) -> bool {
        match self.known {
            KnownLease::Present(_) => error.is_conflict() || error.is_not_found(),
            KnownLease::Absent | KnownLease::Nothing => error.is_already_exists(),
        }
    }

    async fn put(&mut self, spec: LeaseSpec, limit: Duration) -> Result<(), ClusterError> {
        let params = PostParams::default();
        let op = format!("write the Lease {}", self.settings);
        let name = self.settings.name.clone();
        let lease = match &self.known {
            KnownLease::Present(metadata) => {
                let lease = Lease {
                    metadata: labelled(metadata.as_ref().clone()),
                    spec: Some(spec),
                };
                call_within(limit, op, self.api.replace(&name, &params, &lease)).await?
            }
            KnownLease::Absent | KnownLease::Nothing => {
                let metadata = ObjectMeta {
                    name: Some(name),
                    ..ObjectMeta::default()
                };
                let lease = Lease {
                    metadata: labelled(metadata),
                    spec: Some(spec),
                };
                call_within(limit, op, self.api.create(&params, &lease)).await?
            }
        };
        self.saw(lease);
        Ok(())
    }

    fn saw(&mut self, lease: Lease) {
        let spec = lease.spec.unwrap_or_default();
        if self.seen.0 != spec {
            self.seen = (spec, Instant::now());
        }
        self.known = KnownLease::Present(Box::new(lease.metadata));
    }

    fn spec(&self) -> Option<&LeaseSpec> {
        matches!(self.known, KnownLease::Present(_)).then_some(&self.seen.0)
    }

    /// Short enough for two more attempts while the Lease holds.
    fn call_limit(&self) -> Duration {
        let limit = CALL_LIMIT.min(self.settings.duration / 5);
        let left = self
            .valid_until()
            .map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| limit.min(left))
    }

    fn phase(&self) -> LeadershipPhase {
        self.state.borrow().phase
    }

    fn valid_until(&self) -> Option<Instant> {
        self.state.borrow().valid_until
    }

    fn hold(&self, until: Instant) {
        let is_new = self.phase() != LeadershipPhase::Leading;
        self.state.send_replace(LeadershipState {
            phase: LeadershipPhase::Leading,
            valid_until: Some(until),
        });
        if is_new {
            info!(lease = %self.settings, identity = self.settings.identity, "this replica acts now");
            self.observer.acts(true);
        }
    }

    fn lose(&self, why: &str) {
        error!(lease = %self.settings, identity = self.settings.identity, "the Lease is lost: {why}");
        self.end();
    }

    fn end(&self) {
        self.state.send_replace(LeadershipState {
            phase: LeadershipPhase::Lost,
            valid_until: None,
        });
        self.observer.acts(false);
    }

    /// Tells the probes how the Lease stands, and the log when that changes.
    fn report_lease(&mut self, error: Option<&ClusterError>) {
        let Some(error) = error else {
            if std::mem::take(&mut self.is_failing) {
                info!(lease = %self.settings, "the Lease can be read and written again");
            }
            return self.observer.lease(Ok(()));
        };
        let advice = if error.is_forbidden() {
            "; allow get, create and update on leases.coordination.k8s.io there, \
             or run one replica with --leader-elect=false"
        } else {
            ""
        };
        let text = format!("{error}{advice}");
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!("{text}");
        }
        self.observer.lease(Err(text));
    }

    /// A call that hung may have hung with its connection, so the next one gets another.
    fn reconnect(&mut self) {
        match (self.connect)() {
            Ok(client) => self.api = Api::namespaced(client, &self.settings.namespace),
            Err(error) => warn!("{error}"),
        }
    }

    /// Writes the Lease as nobody's, if it is ours.
    async fn release(&mut self) {
        if self.phase() != LeadershipPhase::Leading {
            return;
        }
        self.end();
        for _ in 0..RELEASE_ATTEMPTS {
            let outcome = self.let_go().await;
            match outcome {
                Ok(()) => return info!(lease = %self.settings, "the Lease is released"),
                Err(error) if self.is_outdated(&error) => self.known = KnownLease::Nothing,
                Err(error) => return warn!("{error}; it runs out by itself"),
            }
        }
    }

    async fn let_go(&mut self) -> Result<(), ClusterError> {
        if matches!(self.known, KnownLease::Nothing) {
            self.look().await?;
        }
        match self.spec() {
            Some(spec) if spec.holder_identity.as_ref() == Some(&self.settings.identity) => {
                self.put(released(spec, stamp()), self.call_limit()).await
            }
            _ => Ok(()),
        }
    }
}

/// With the label by which commands find the Leases of operators, whatever their names are.
fn labelled(mut metadata: ObjectMeta) -> ObjectMeta {
    let (key, value) = OPERATOR_LABEL;
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(key.to_owned(), value.to_owned());
    metadata
}
