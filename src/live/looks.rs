//! What the cloud holds, as seen by everybody who shares an account: one look answers all who wait for it.
//!
//! A look waits for its token; when it has it, it sees who else waits. Few domains: a filtered list of its own. Many: one sweep for all of
//! them. A look is driven by those who wait for it, and ends with the last of them; the one task that runs here drops rows that are of no
//! use any more. A failed look tells nothing about what the cloud holds.

mod barrier;
mod board;
mod kept;
mod look;
mod reader;
mod request;
mod room;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

pub use self::barrier::{CreateBarrier, CreateInFlight, WaitForSweeps};
use self::board::Board;
pub use self::kept::Inventory;
use self::kept::SeenInventories;
pub use self::request::{LookRequest, LookResult};
pub use self::room::ListRoom;
use crate::live::answer::{Answer, Page};
use crate::lock::lock;
use crate::plan::facts::place::Place;
pub use crate::plan::step::Proof;
use crate::platform::quota::{Bucket, Lane, Token};
use crate::terms::failure::Failure;

/// Lists callbacks, page by page.
pub trait Lister: Send + Sync {
    /// One page of the project's callbacks, or of one domain's. The token is for this call.
    fn page<'a>(
        &'a self,
        token: Token,
        domain: Option<&'a str>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer<Page>, Failure>>;
}

/// The looks of one account: an endpoint, a project, a whole credential.
pub struct Looks {
    lister: Arc<dyn Lister>,
    bucket: Bucket,
    barrier: Arc<CreateBarrier>,
    known_domains: Box<dyn Fn() -> BTreeSet<String> + Send + Sync>,
    room: Arc<ListRoom>,
    board: Mutex<Board>,
}

impl Looks {
    /// Nothing is seen yet. `known_domains` are those that a project is swept by which is too large to be listed whole.
    pub fn new(
        lister: Arc<dyn Lister>,
        bucket: Bucket,
        barrier: Arc<CreateBarrier>,
        room: Arc<ListRoom>,
        known_domains: impl Fn() -> BTreeSet<String> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (known_domains, board) = (Box::new(known_domains), Mutex::default());
        Arc::new(Self {
            lister,
            bucket,
            barrier,
            known_domains,
            room,
            board,
        })
    }

    /// The newest sweep, if it is kept still; what was written since is not in it.
    pub fn newest_sweep(&self) -> Option<Arc<Inventory>> {
        self.lock().kept.newest_sweep()
    }

    /// A write of ours at this place was handed over: what was seen of it before, or is being seen now, is void.
    pub fn void_place(&self, place: &Place) {
        self.lock().wrote(place);
    }

    /// Waits for the token of a create, at a moment when no sweep needs the project quiet: while one runs, no create is given a token, the
    /// sweep gets them. One that has waited long enough for sweeps waits for its token only.
    pub async fn create_token(
        &self,
        lane: Lane,
        namespace: &str,
        waited: &mut WaitForSweeps,
    ) -> Token {
        loop {
            self.barrier.open(waited).await;
            let token = self.bucket.acquire(lane, namespace).await;
            if self.barrier.is_open(waited) {
                return token;
            }
        }
    }

    /// Lets a create pass whose token is there, unless it is to wait for a sweep still. Whoever holds the result must not look, since a
    /// look may wait for it.
    pub fn try_pass(&self, waited: &WaitForSweeps) -> Option<CreateInFlight> {
        self.barrier.try_pass(waited)
    }

    /// Keeps what was seen, and no longer than it is of use, though nobody asks again.
    fn keep(self: &Arc<Self>, keep: impl FnOnce(&mut SeenInventories, Instant)) {
        let mut board = self.lock();
        keep(&mut board.kept, Instant::now());
        if !std::mem::replace(&mut board.is_forgetting, true) {
            tokio::spawn(forget_in_time(Arc::downgrade(self)));
        }
    }

    /// Drops what is of no use any more. Tells when to come again.
    fn forget_old_rows(&self) -> Option<Instant> {
        let mut board = self.lock();
        let next = board.kept.forget_old_rows(Instant::now());
        board.is_forgetting = next.is_some();
        if next.is_none() {
            board.forget_old_writes();
        }
        next
    }

    /// Whether the cloud has ever answered this account.
    fn is_answered(&self) -> bool {
        self.lock().is_answered
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}

/// Drops the rows of an account that were seen long ago, until none are left, or the account is gone.
async fn forget_in_time(looks: Weak<Looks>) {
    let next = || looks.upgrade()?.forget_old_rows();
    while let Some(next) = next() {
        sleep_until(next).await;
    }
}
