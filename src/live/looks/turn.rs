//! How a look comes about: it waits for its turn, then begins by itself or in a sweep, and what it saw is kept.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{
    Looks,
    ask::{Ask, Seen},
    board::{Board, Outcome, Own, Scope, Want},
    kept::{Inventory, Kept},
    reader::{self, LONGEST, PAGE, Reader},
};
use crate::plan::step::Proof;
use crate::{
    live::{
        purse::Purse,
        quota::{Lane, Token},
    },
    plan::failure::{Class, Failure},
};

/// How many pages a sweep is thought to have before the first one.
const UNKNOWN_PAGES: u64 = 3;

impl Looks {
    /// Looks at a place, without a call if what was seen is good enough. A look that nobody waits for any more is not made.
    pub async fn look(self: &Arc<Self>, ask: Ask) -> Result<Seen, Failure> {
        let Ask {
            place,
            not_before,
            proof,
            lane,
            namespace,
            purse,
        } = ask;
        let scope = Scope::Domain(place.domain().to_owned());
        let want = Want {
            scope,
            place: Some(place.clone()),
            not_before,
            proof,
            lane,
            namespace,
            purse,
        };
        self.find(&want, |kept| kept.seen(&place, not_before, proof))
            .await
    }

    /// Looks at the whole project, without a call if the newest sweep is good enough.
    pub async fn sweep(
        self: &Arc<Self>,
        not_before: Instant,
        lane: Lane,
    ) -> Result<Arc<Inventory>, Failure> {
        let (proof, namespace) = (Proof::Presence, String::new());
        self.swept(Want {
            scope: Scope::Project,
            place: None,
            not_before,
            proof,
            lane,
            namespace,
            purse: Purse::default(),
        })
        .await
    }

    /// Tells what is wanted from what is kept, after as many looks as that takes.
    async fn find<T>(
        self: &Arc<Self>,
        want: &Want,
        known: impl Fn(&Kept) -> Option<T>,
    ) -> Result<T, Failure> {
        sleep_until(want.not_before).await;
        let mut has_looked = false;
        loop {
            let look = {
                let mut board = self.lock();
                if let Some(known) = known(&board.kept) {
                    return Ok(known);
                }
                match board.join(want) {
                    Some(under_way) => under_way,
                    None if has_looked && !want.purse.pay(1) => return Err(reader::unpaid(1)),
                    None => {
                        has_looked = true;
                        self.line_up(&mut board, want)
                    }
                }
            };
            look.await?;
        }
    }

    async fn swept(self: &Arc<Self>, want: Want) -> Result<Arc<Inventory>, Failure> {
        self.find(&want, |kept| kept.swept(want.not_before, want.proof))
            .await
    }

    fn line_up(self: &Arc<Self>, board: &mut Board, want: &Want) -> Outcome {
        board.wait(want, |own, sweep| {
            Arc::clone(self).take_turn(own, sweep, want.clone())
        })
    }

    /// The work of a look: waits for a token and begins, by itself or in a sweep.
    fn take_turn(
        self: Arc<Self>,
        mut own: Own,
        mut sweep: oneshot::Receiver<Outcome>,
        want: Want,
    ) -> BoxFuture<'static, Result<(), Failure>> {
        async move {
            let (scope, namespace) = (want.scope, want.namespace);
            let token = tokio::select! {
                biased;
                Ok(sweep) = &mut sweep => return self.taken_along(sweep, &scope).await,
                token = reader::token(&self.bucket, &mut own.lane, Some(&namespace)) => token,
            };
            match (self.begin(own.number, &scope, token), scope) {
                (Some(token), Scope::Domain(domain)) => {
                    let token = token.paid_from(&want.purse);
                    self.list(own, &domain, namespace, token).await
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
    async fn taken_along(&self, sweep: Outcome, scope: &Scope) -> Result<(), Failure> {
        sweep.await?;
        let refused = scope
            .domain()
            .and_then(|domain| self.newest_sweep()?.refused.get(&domain).cloned());
        refused.map_or(Ok(()), Err)
    }

    /// Decides what a token is used for. It comes back for a look that begins by itself.
    fn begin(self: &Arc<Self>, number: u64, scope: &Scope, token: Token) -> Option<Token> {
        let pages = self.pages_of_sweep();
        let mut board = self.lock();
        if !board.is_waiting(number, scope) {
            return None;
        }
        let many = board.domains_waiting() > pages;
        if !many && *scope != Scope::Project {
            board.start(scope.clone());
            return Some(token);
        }
        board.start_sweep(
            |scope| many || *scope == Scope::Project,
            |own, proof, domains| {
                let looks = Arc::clone(self);
                async move {
                    let mut reader = Reader::new(Arc::clone(&looks), own);
                    let sweep = reader.project(proof, domains, token).await?;
                    looks.lock().kept.keep_sweep(sweep);
                    Ok(())
                }
                .boxed()
            },
        );
        None
    }

    async fn list(
        self: &Arc<Self>,
        own: Own,
        domain: &str,
        namespace: String,
        token: Token,
    ) -> Result<(), Failure> {
        let (number, lane, asked) = (own.number, own.lane.clone(), Instant::now());
        let listed = Reader::new(Arc::clone(self), own)
            .domain(domain, token)
            .await;
        match listed {
            Ok(list) => {
                self.lock().kept.keep_list(domain, list, Instant::now());
                Ok(())
            }
            Err(refused) if refused.class == Class::Rejected => {
                let proof = self.lock().proof(number);
                let lane = *lane.borrow();
                let scope = Scope::Project;
                let want = Want {
                    scope,
                    place: None,
                    not_before: asked,
                    proof,
                    lane,
                    namespace,
                    purse: Purse::default(),
                };
                let sweep = self.swept(want).await?;
                if sweep.covers(domain) {
                    Ok(())
                } else {
                    Err(refused)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    fn pages_of_sweep(&self) -> usize {
        let size = self.lock().size;
        let pages = match size {
            None => UNKNOWN_PAGES,
            Some(size) if size <= LONGEST => size.div_ceil(PAGE.into()).max(1),
            Some(_) => return 1 + (self.known_domains)().len(),
        };
        usize::try_from(pages).unwrap_or(usize::MAX)
    }
}
