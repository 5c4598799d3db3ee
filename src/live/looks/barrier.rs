//! Keeps creates and the sweeps that creates wait for apart, in one project: a row that lands between two pages makes a sweep worthless.
//!
//! Creates do not exclude each other, nor do sweeps.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// For so long a create waits for sweeps, all in all, however many there are; then it passes, and what they read proves no place free. So
/// much less than a look serves a create that it may still be made.
const PATIENCE: Duration = Duration::from_secs(40);

/// The barrier of one project at one endpoint; all credentials that address the project share it.
#[derive(Debug)]
pub struct CreateBarrier {
    traffic: watch::Sender<Traffic>,
}

#[derive(Debug, Default)]
struct Traffic {
    creates: usize,
    sweeps: usize,
    /// How many creates have ever passed.
    passed: u64,
}

/// For how long a create has waited for sweeps.
#[derive(Debug, Default)]
pub struct WaitForSweeps(Duration);

impl WaitForSweeps {
    fn is_over(&self) -> bool {
        self.0 >= PATIENCE
    }
}

/// How the creates stood at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct CreateMark {
    in_flight: bool,
    passed: u64,
}

impl CreateBarrier {
    /// An open barrier.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            traffic: watch::Sender::new(Traffic::default()),
        })
    }

    /// Waits until no sweep needs the project quiet, or the create has waited long enough.
    pub(super) async fn open(&self, waited: &mut WaitForSweeps) {
        let mut traffic = self.traffic.subscribe();
        let began = Instant::now();
        let open = traffic.wait_for(|traffic| traffic.sweeps == 0);
        // Can't fail but by its time: the sender is `self`.
        drop(timeout(PATIENCE.saturating_sub(waited.0), open).await);
        waited.0 += began.elapsed();
    }

    /// Whether no sweep needs the project quiet, or the create has waited long enough.
    pub(super) fn is_open(&self, waited: &WaitForSweeps) -> bool {
        self.traffic.borrow().sweeps == 0 || waited.is_over()
    }

    /// Lets a create pass, unless a sweep needs the project quiet and it has not waited long enough.
    pub(super) fn try_pass(self: &Arc<Self>, waited: &WaitForSweeps) -> Option<CreateInFlight> {
        let passed = self.traffic.send_if_modified(|traffic| {
            let open = traffic.sweeps == 0 || waited.is_over();
            traffic.creates += usize::from(open);
            traffic.passed += u64::from(open);
            open
        });
        passed.then(|| CreateInFlight {
            barrier: Arc::clone(self),
        })
    }

    /// How the creates stand now.
    pub(super) fn mark(&self) -> CreateMark {
        let traffic = self.traffic.borrow();
        CreateMark {
            in_flight: traffic.creates > 0,
            passed: traffic.passed,
        }
    }

    /// Whether no create was on its way then, nor any time since.
    pub(super) fn was_quiet_since(&self, mark: CreateMark) -> bool {
        !mark.in_flight && self.traffic.borrow().passed == mark.passed
    }

    /// Lets no create pass any more, and waits for those on their way.
    pub(super) async fn close(self: &Arc<Self>) -> ClosedBarrier {
        self.traffic.send_modify(|traffic| traffic.sweeps += 1);
        let closed = ClosedBarrier {
            barrier: Arc::clone(self),
        };
        let mut traffic = self.traffic.subscribe();
        drop(traffic.wait_for(|traffic| traffic.creates == 0).await);
        closed
    }
}

/// A create on its way to the cloud. Dropped as soon as it is answered: sweeps wait for it.
#[derive(Debug)]
pub struct CreateInFlight {
    barrier: Arc<CreateBarrier>,
}

impl Drop for CreateInFlight {
    fn drop(&mut self) {
        self.barrier
            .traffic
            .send_modify(|traffic| traffic.creates -= 1);
    }
}

/// A sweep that needs the project quiet.
#[derive(Debug)]
pub(super) struct ClosedBarrier {
    barrier: Arc<CreateBarrier>,
}

impl Drop for ClosedBarrier {
    fn drop(&mut self) {
        self.barrier
            .traffic
            .send_modify(|traffic| traffic.sweeps -= 1);
    }
}
