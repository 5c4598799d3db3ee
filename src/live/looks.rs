//! What the cloud holds, as seen by everybody who shares an account: one look answers all who wait for it.
//!
//! A look waits for its token; when it has it, it sees who else waits. Few domains: a filtered list of its own. Many: one sweep for all of
//! them. No task runs here: a look is driven by those who wait for it, and ends with the last of them. A failed look tells nothing
//! about what the cloud holds.

mod barrier;
mod board;
mod kept;
mod look;
mod reader;
mod request;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::future::BoxFuture;

pub use self::barrier::{CreateBarrier, CreateInFlight};
use self::board::Board;
pub use self::kept::Inventory;
pub use self::request::{LookRequest, LookResult};
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
    gate: Arc<CreateBarrier>,
    known_domains: Box<dyn Fn() -> BTreeSet<String> + Send + Sync>,
    board: Mutex<Board>,
}

impl Looks {
    /// Nothing is seen yet. `known_domains` are those that a project is swept by which is too large to be listed whole.
    pub fn new(
        lister: Arc<dyn Lister>,
        bucket: Bucket,
        gate: Arc<CreateBarrier>,
        known_domains: impl Fn() -> BTreeSet<String> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (known_domains, board) = (Box::new(known_domains), Mutex::default());
        Arc::new(Self {
            lister,
            bucket,
            gate,
            known_domains,
            board,
        })
    }

    /// The newest sweep, whatever its age; what was written since is not in it.
    pub fn newest_sweep(&self) -> Option<Arc<Inventory>> {
        self.lock().kept.newest_sweep()
    }

    /// A write of ours at this place was handed over: what was seen of it before, or is being seen now, is void.
    pub fn void_place(&self, place: &Place) {
        self.lock().kept.wrote(place);
    }

    /// Waits for the token of a create, and for a moment when no sweep needs the project still. While a sweep runs, no create holds a token:
    /// the sweep gets them. Whoever holds the result must not look, since a look may wait for it.
    pub async fn acquire_create(&self, lane: Lane, namespace: &str) -> (Token, CreateInFlight) {
        loop {
            self.gate.open().await;
            let token = self.bucket.acquire(lane, namespace).await;
            if let Some(creating) = self.gate.try_pass() {
                return (token, creating);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}
