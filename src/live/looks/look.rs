//! How a look comes about: it waits for its turn, then begins by itself or in a sweep, and what it saw is kept. Changes nothing at the
//! cloud.

use std::sync::Arc;

use futures::FutureExt as _;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::live::answer::PAGE;
use crate::live::looks::board::{
    Board, LookError, LookHandle, LookScope, LookWork, SharedLook, WantedLook,
};
use crate::live::looks::kept::{Inventory, SeenInventories};
use crate::live::looks::reader::{LONGEST, ListReader, ReadList};
use crate::live::looks::request::{LookRequest, LookResult};
use crate::live::looks::{Looks, reader};
use crate::plan::facts::place::Place;
use crate::plan::step::Proof;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::{Lane, Token};
use crate::terms::failure::{Class, Failure};

/// How many pages a sweep is thought to have before the first one.
const UNKNOWN_PAGES: u64 = 3;

impl Looks {
    /// What was seen of a place, if that is good enough: it takes no call.
    pub fn known(&self, place: &Place, not_before: Instant, proof: Proof) -> Option<LookResult> {
        self.lock().kept.seen(place, not_before, proof)
    }

    /// Looks at a place, without a call if what was seen is good enough. A look that nobody waits for any more is not made.
    pub async fn look(self: &Arc<Self>, ask: LookRequest) -> Result<LookResult, Failure> {
        let LookRequest {
            place,
            not_before,
            proof,
            lane,
            namespace,
            budget,
        } = ask;
        let scope = LookScope::Domain(place.domain().to_owned());
        let want = WantedLook {
            scope,
            place: Some(place.clone()),
            not_before,
            proof,
            lane,
            namespace,
            budget,
        };
        let seen = self.find(&want, false, |kept| kept.seen(&place, not_before, proof));
        Ok(seen.await?)
    }

    /// Looks at the whole project, in turns of this namespace, without a call if the newest sweep is good enough.
    pub async fn sweep(
        self: &Arc<Self>,
        not_before: Instant,
        (lane, namespace): (Lane, &str),
    ) -> Result<Arc<Inventory>, Failure> {
        let budget = CallBudget::default();
        self.sweep_within(not_before, (lane, namespace), budget)
            .await
    }

    /// The same, and given up after its first page where the budget does not pay for the others.
    pub async fn sweep_within(
        self: &Arc<Self>,
        not_before: Instant,
        (lane, namespace): (Lane, &str),
        budget: CallBudget,
    ) -> Result<Arc<Inventory>, Failure> {
        let (proof, namespace) = (Proof::Presence, namespace.to_owned());
        let want = WantedLook {
            scope: LookScope::Project,
            place: None,
            not_before,
            proof,
            lane,
            namespace,
            budget,
        };
        Ok(self.swept(want, false).await?)
    }

    /// How many pages the project had when it was listed last.
    pub fn pages(&self) -> Option<u64> {
        let size = self.lock().size?;
        Some(size.div_ceil(PAGE.into()).max(1))
    }

    /// Tells what is wanted from what is kept, after as many looks as that takes. Who asks has paid for the first call, unless that was
    /// spent on a look that came to nothing.
    async fn find<T>(
        self: &Arc<Self>,
        want: &WantedLook,
        mut has_looked: bool,
        known: impl Fn(&SeenInventories) -> Option<T>,
    ) -> Result<T, LookError> {
        sleep_until(want.not_before).await;
        loop {
            let (look, is_own) = {
                let mut board = self.lock();
                if let Some(known) = known(&board.kept) {
                    return Ok(known);
                }
                match board.join(want) {
                    Some(under_way) => (under_way, false),
                    None if has_looked && !want.budget.spend(1) => {
                        return Err(reader::over_budget(1));
                    }
                    None => {
                        has_looked = true;
                        (self.line_up(&mut board, want), true)
                    }
                }
            };
            match look.await {
                // Whoever joined has calls of its own, and lines up itself.
                Err(LookError::Unpaid(_)) if !is_own => {}
                seen => seen?,
            }
        }
    }

    async fn swept(
        self: &Arc<Self>,
        want: WantedLook,
        has_looked: bool,
    ) -> Result<Arc<Inventory>, LookError> {
        let known = |kept: &SeenInventories| kept.swept(want.not_before, want.proof);
        self.find(&want, has_looked, known).await
    }

    fn line_up(self: &Arc<Self>, board: &mut Board, want: &WantedLook) -> SharedLook {
        board.wait(want, |handle, sweep| {
            Arc::clone(self).run_look(handle, sweep, want.clone())
        })
    }

    /// The work of a look: waits for a token and begins, by itself or in a sweep.
    fn run_look(
        self: Arc<Self>,
        mut handle: LookHandle,
        mut sweep: oneshot::Receiver<SharedLook>,
        want: WantedLook,
    ) -> LookWork {
        async move {
            let (scope, namespace) = (want.scope, want.namespace);
            let turn = |lane| self.bucket.acquire(lane, &namespace);
            let token = tokio::select! {
                biased;
                Ok(sweep) = &mut sweep => return self.taken_along(sweep, &scope).await,
                token = reader::token(&mut handle.lane, turn) => token,
            };
            let token = match scope {
                // A sweep that a domain's look becomes is made for all.
                LookScope::Domain(_) => token,
                LookScope::Project => token.charged_to(&want.budget),
            };
            match (self.begin(handle.number, &scope, token), scope) {
                (Some(token), LookScope::Domain(domain)) => {
                    let paid = (namespace, want.budget);
                    self.list(handle, &domain, paid, token).await
                }
                (_, scope) => match sweep.await {
                    Ok(sweep) => self.taken_along(sweep, &scope).await,
                    Err(_) => Ok(()),
                },
            }
        }
        .boxed()
    }

    /// What a sweep tells a look that it took along. One that was refused the look's domain tells that: to look again would end alike.
    async fn taken_along(&self, sweep: SharedLook, scope: &LookScope) -> Result<(), LookError> {
        sweep.await?;
        let refused = scope
            .domain()
            .and_then(|domain| self.newest_sweep()?.refused.get(&domain).cloned());
        refused.map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// Decides what a token is used for. It comes back for a look that begins by itself.
    fn begin(self: &Arc<Self>, number: u64, scope: &LookScope, token: Token) -> Option<Token> {
        let pages = self.pages_of_sweep();
        let mut board = self.lock();
        if !board.is_waiting(number, scope) {
            return None;
        }
        let many = pages.is_some_and(|pages| board.domains_waiting() > pages);
        if !many && *scope != LookScope::Project {
            board.start(scope.clone());
            return Some(token);
        }
        let is_whole = board.sweep_waits();
        board.start_sweep(
            |scope| many || *scope == LookScope::Project,
            |handle, proof, domains| {
                let looks = Arc::clone(self);
                async move {
                    let mut reader = ListReader::new(Arc::clone(&looks), handle);
                    let sweep = match reader.project(proof, token).await? {
                        ReadList::Still(sweep) => sweep,
                        ReadList::TooLong(start) if is_whole => {
                            reader.domains(domains, start).await?
                        }
                        // Each goes on by itself: to ask for all domains that are known takes more calls than they do.
                        ReadList::TooLong(_) => return Ok(()),
                    };
                    looks.keep(|kept, now| kept.keep_sweep(sweep, &looks.room, now));
                    Ok(())
                }
                .boxed()
            },
        );
        None
    }

    async fn list(
        self: &Arc<Self>,
        handle: LookHandle,
        domain: &str,
        (namespace, budget): (String, CallBudget),
        token: Token,
    ) -> Result<(), LookError> {
        let (number, scope) = (handle.number, handle.scope.clone());
        let (lane, asked) = (handle.lane.clone(), Instant::now());
        let listed = ListReader::new(Arc::clone(self), handle)
            .domain(domain, token.charged_to(&budget))
            .await;
        match listed {
            Ok(list) => {
                self.keep(|kept, now| kept.keep_list(domain, list, &self.room, now));
                Ok(())
            }
            // It may be the filter that is refused. A project that is too large is listed by nothing else.
            Err(LookError::Failed(refused))
                if refused.class == Class::Rejected && self.pages_of_sweep().is_some() =>
            {
                let proof = self.lock().proof(number, &scope);
                let lane = *lane.borrow();
                let scope = LookScope::Project;
                let want = WantedLook {
                    scope,
                    place: None,
                    not_before: asked,
                    proof,
                    lane,
                    namespace,
                    budget,
                };
                // It is made for this look: nobody else would have it made.
                let sweep = self.swept(want, true).await?;
                if sweep.covers(domain) {
                    Ok(())
                } else {
                    Err(refused.into())
                }
            }
            Err(error) => Err(error),
        }
    }

    /// How many calls a sweep is thought to take; none of a project that is too large to be listed whole, whose sweep asks for each domain,
    /// those that wait among them.
    fn pages_of_sweep(&self) -> Option<usize> {
        let pages = match self.lock().size {
            None => UNKNOWN_PAGES,
            Some(size) if size <= LONGEST => size.div_ceil(PAGE.into()).max(1),
            Some(_) => return None,
        };
        usize::try_from(pages).ok()
    }
}
