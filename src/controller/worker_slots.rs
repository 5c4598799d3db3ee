//! Leave to work on an object, so that only so many are worked on at once. `shares` says whose turn it is; here it is waited for. Who waits
//! for anything but the API server gives its slot back meanwhile.

mod shares;

use std::sync::Mutex;

use futures::FutureExt as _;
use tokio::sync::oneshot;

use self::shares::{QueuePosition, SlotShares, WorkStage};
use crate::lock::lock;

/// The slots of all who work.
pub(super) struct WorkerSlots(Mutex<SlotShares<oneshot::Sender<()>>>);

impl WorkerSlots {
    /// So many, all free.
    pub(super) fn new(total: usize) -> Self {
        Self(Mutex::new(SlotShares::new(total)))
    }

    /// Hands out what is free.
    fn grant(&self) {
        let next = || lock(&self.0).grant();
        for granted in std::iter::from_fn(next) {
            // An error means that it is leaving, and gives the slot back itself.
            let _ = granted.send(());
        }
    }
}

/// A slot, or the claim to one of who waits for it. Given up when dropped.
struct SlotClaim<'a> {
    slots: &'a WorkerSlots,
    namespace: String,
    position: QueuePosition,
}

impl<'a> SlotClaim<'a> {
    /// Lines up, and is told when it is a slot.
    fn line_up(
        slots: &'a WorkerSlots,
        namespace: &str,
        stage: WorkStage,
    ) -> (Self, oneshot::Receiver<()>) {
        let (reply, granted) = oneshot::channel();
        let position = lock(&slots.0).push(namespace, stage, reply);
        let claim = Self {
            slots,
            namespace: namespace.to_owned(),
            position,
        };
        (claim, granted)
    }

    /// Waits for a slot.
    async fn take(slots: &'a WorkerSlots, namespace: &str, stage: WorkStage) -> Self {
        let (claim, granted) = Self::line_up(slots, namespace, stage);
        slots.grant();
        // No error: who has lined up is served, or leaves of itself.
        let _ = granted.await;
        claim
    }
}

impl Drop for SlotClaim<'_> {
    fn drop(&mut self) {
        lock(&self.slots.0).leave(&self.namespace, self.position);
        self.slots.grant();
    }
}

/// Leave to work on an object of a namespace. Given up while waiting, so that waiting costs no worker.
pub(super) struct WorkerSlot<'a> {
    slots: &'a WorkerSlots,
    namespace: String,
    claim: Option<SlotClaim<'a>>,
}

impl<'a> WorkerSlot<'a> {
    /// Waits for a slot.
    pub(super) async fn take(slots: &'a WorkerSlots, namespace: &str) -> Self {
        Self {
            slots,
            namespace: namespace.to_owned(),
            claim: Some(SlotClaim::take(slots, namespace, WorkStage::New).await),
        }
    }

    /// Waits for something without taking a slot meanwhile. What is there at once costs none.
    pub(super) async fn wait_without_slot<T>(&mut self, future: impl Future<Output = T>) -> T {
        let value = self.leave_for(future).await;
        self.come_back().await;
        value
    }

    /// Waits for something, and has no slot after it unless it was there at once.
    pub(super) async fn leave_for<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        if let Some(value) = future.as_mut().now_or_never() {
            return value;
        }
        self.claim = None;
        future.await
    }

    /// Waits for a slot, where it was left.
    pub(super) async fn come_back(&mut self) {
        if self.claim.is_none() {
            let claim = SlotClaim::take(self.slots, &self.namespace, WorkStage::Begun);
            self.claim = Some(claim.await);
        }
    }

    /// Between two calls to the API server: lets another namespace go first whose turn it is. So nobody keeps a slot for longer than
    /// three of them, however many it makes.
    pub(super) async fn let_others_go(&mut self) {
        let (claim, granted) = SlotClaim::line_up(self.slots, &self.namespace, WorkStage::Begun);
        self.claim = Some(claim); // the slot that it had goes to whose turn it is
        let _ = granted.await;
    }
}
