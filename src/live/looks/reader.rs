//! Reads a list of the cloud page by page, as often as it takes until the list has held still all the while. One that does not is a
//! failure, never a shorter list.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::live::answer::PAGE;
use crate::live::looks::Looks;
use crate::live::looks::barrier::ClosedBarrier;
use crate::live::looks::board::{LookError, LookHandle};
use crate::live::looks::kept::{Begun, Inventory};
use crate::live::looks::room::{GrowingList, NoRoom, ReadRows};
use crate::plan::step::Proof;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::{Lane, Token};
use crate::terms::failure::{Class, Failure, Operation};

/// The cloud's offset ends at 4096, so that a longer list can't be read to its end.
pub(super) const LONGEST: u64 = 4_000;
/// How often a list is read that changes under the reader.
const PASSES: usize = 3;
/// For so long a sweep may stand still, waiting for its turn or an answer, before creates wait for it no longer: they may be another
/// account's. More than a call takes.
const STANDSTILL: Duration = Duration::from_secs(20);
/// The same before it is answered at all.
const UNANSWERED: Duration = Duration::from_secs(2);

/// Waits for a token in the highest lane of those who wait for it.
pub(super) async fn token<T: Future<Output = Token>>(
    lane: &mut watch::Receiver<Lane>,
    acquire: impl Fn(Lane) -> T,
) -> Token {
    loop {
        let highest = *lane.borrow_and_update();
        tokio::select! {
            token = acquire(highest) => return token,
            Ok(()) = lane.changed() => {}
        }
    }
}

/// The reader of one look.
pub(super) struct ListReader {
    looks: Arc<Looks>,
    handle: LookHandle,
    /// Creates wait for what is read.
    is_for_creates: bool,
    closed: Option<ClosedBarrier>,
    is_answered: bool,
    /// Creates have waited for this reading as long as they may.
    has_given_way: bool,
    /// What is paid for beyond the first call.
    budget: CallBudget,
    /// Whose turn its calls take: that of the first.
    namespace: String,
}

/// A list that was read, or can't be.
pub(super) enum ReadList {
    Still(Inventory),
    TooLong(FirstAnswer),
}

/// What the first answer of a reading says.
#[derive(Clone, Copy)]
pub(super) struct FirstAnswer {
    total: u64,
    begun: Begun,
    /// When the answer came, in cloud time.
    at: Timestamp,
    /// When the reading began, by the clock that dated the answer.
    dated: Option<Timestamp>,
}

/// One reading of a list.
enum ListPass {
    Read(ReadList),
    Moved {
        total: u64,
        found: usize,
        request_id: Option<String>,
    },
}

impl ListReader {
    pub(super) fn new(looks: Arc<Looks>, handle: LookHandle) -> Self {
        Self {
            looks,
            handle,
            is_for_creates: false,
            closed: None,
            is_answered: false,
            has_given_way: false,
            budget: CallBudget::default(),
            namespace: String::new(),
        }
    }

    /// The callbacks of one domain.
    pub(super) async fn domain(
        &mut self,
        domain: &str,
        first: Token,
    ) -> Result<Inventory, LookError> {
        self.charge_as(&first);
        match self.read(Some(domain), first).await? {
            ReadList::Still(inventory) => Ok(inventory),
            ReadList::TooLong(FirstAnswer { total, .. }) => Err(failure(
                format!(
                    "the cloud lists at most {LONGEST} callbacks of a domain, and {domain} has {total}: remove some of them"
                ),
                None,
            )
            .into()),
        }
    }

    /// The callbacks of the project, if that can be listed whole.
    pub(super) async fn project(
        &mut self,
        proof: Proof,
        first: Token,
    ) -> Result<ReadList, LookError> {
        self.is_for_creates = proof == Proof::Absence;
        self.charge_as(&first);
        // Who names a project need not have a right to it, nor a login that ends: such a one holds up nobody.
        if self.looks.is_answered() {
            self.keep_creates_off().await;
        }
        self.read(None, first).await
    }

    /// Those of a project that is too large for that: of the domains that are known, and of `wanted`.
    pub(super) async fn domains(
        &mut self,
        mut wanted: BTreeSet<String>,
        start: FirstAnswer,
    ) -> Result<Inventory, LookError> {
        wanted.extend((self.looks.known_domains)());
        let all = GrowingList::of_several(&self.looks.room);
        let mut domains = BTreeSet::new();
        let mut refusals = BTreeMap::new();
        for domain in wanted {
            let token = self.token().await;
            match self.domain(&domain, token).await {
                Ok(list) => {
                    all.add(list.rows).map_err(no_room)?;
                    domains.insert(domain);
                }
                // The cloud does not know the domain: that does not void what it tells of the others.
                Err(LookError::Failed(refused)) if refused.class == Class::Rejected => {
                    refusals.insert(domain, refused);
                }
                Err(error) => return Err(error),
            }
        }
        let rows = all.end().map_err(no_room)?;
        let inventory = start.inventory(rows, Some(domains), true);
        Ok(Inventory {
            refused: refusals,
            ..inventory
        })
    }

    async fn read(&mut self, domain: Option<&str>, first: Token) -> Result<ReadList, LookError> {
        let mut first = Some(first);
        let mut moved = String::new();
        let mut last_request = None;
        for _ in 0..PASSES {
            let token = if let Some(first) = first.take() {
                first
            } else {
                if !self.budget.spend(1) {
                    return Err(over_budget(1));
                }
                self.is_for_creates = true;
                self.keep_creates_off().await;
                self.token().await
            };
            match self.pass(domain, token).await? {
                ListPass::Read(read) => return Ok(read),
                ListPass::Moved {
                    total,
                    found,
                    request_id,
                } => {
                    moved = format!("the cloud told of {total} callbacks and listed {found}");
                    last_request = request_id;
                }
            }
        }
        let message = format!(
            "the list of callbacks changed while it was read, as often as that was tried ({moved}): it is read again later"
        );
        Err(failure(message, last_request).into())
    }

    async fn pass(&mut self, domain: Option<&str>, first: Token) -> Result<ListPass, LookError> {
        let LookHandle { number, scope, .. } = &self.handle;
        let begun = self.looks.lock().begin(*number, scope, Instant::now());
        let lister = Arc::clone(&self.looks.lister);
        let mark = self.looks.barrier.mark();
        let mut answer = self.give_way(lister.page(first, domain, 0, PAGE)).await?;
        self.is_answered = true;
        self.looks.lock().is_answered = true;
        let total = answer.value.total;
        let start = FirstAnswer {
            total,
            begun,
            at: answer.at,
            dated: answer.date.map(|date| before(date, begun.at.elapsed())),
        };
        if domain.is_none() {
            self.looks.lock().size = Some(total);
        }
        if domain.is_none() && total > PAGE.into() {
            self.keep_creates_off().await;
            let is_kept_off = self.closed.is_some() && total <= LONGEST;
            if is_kept_off && !self.looks.barrier.was_quiet_since(mark) {
                return Ok(ListPass::Moved {
                    total,
                    found: answer.value.rows.len(),
                    request_id: answer.request_id,
                });
            }
        }
        if total > LONGEST {
            return Ok(ListPass::Read(ReadList::TooLong(start)));
        }
        let list = GrowingList::new(&self.looks.room);
        let mut offset = 0;
        loop {
            let due = total.saturating_sub(offset.into()).min(PAGE.into());
            let steady = answer.value.total == total && count(answer.value.rows.len()) == due;
            let found = list.add(answer.value.rows).map_err(no_room)?;
            offset += PAGE;
            let at_end = u64::from(offset) >= total;
            if !steady || (at_end && count(found) != total) {
                return Ok(ListPass::Moved {
                    total: answer.value.total,
                    found,
                    request_id: answer.request_id,
                });
            }
            if at_end {
                break;
            }
            // What a page that does not add up says of the others is not paid for.
            let pages = u32::try_from(total.div_ceil(PAGE.into())).unwrap_or(u32::MAX);
            if offset == PAGE && !self.budget.spend(pages.saturating_sub(1)) {
                return Err(over_budget(pages));
            }
            let token = self.token().await;
            let page = lister.page(token, domain, offset, PAGE);
            answer = self.give_way(page).await?;
        }
        let domains = domain.map(|domain| BTreeSet::from([domain.to_owned()]));
        // No create passed all the while, whether they were kept off or not.
        let is_quiet = self.is_for_creates && self.looks.barrier.was_quiet_since(mark);
        let still = domains.is_some() || total <= PAGE.into() || is_quiet;
        let rows = list.end().map_err(no_room)?;
        let inventory = start.inventory(rows, domains, still);
        Ok(ListPass::Read(ReadList::Still(inventory)))
    }

    /// Where creates wait for this reading, none is on its way while it goes on.
    async fn keep_creates_off(&mut self) {
        if self.is_for_creates && self.closed.is_none() && !self.has_given_way {
            self.closed = Some(self.looks.barrier.close().await);
        }
    }

    /// Waits on, but lets creates go on when that takes long: what is read then no longer proves that a place is free.
    async fn give_way<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        if self.closed.is_some() {
            let limit = if self.is_answered {
                STANDSTILL
            } else {
                UNANSWERED
            };
            if let Ok(done) = timeout(limit, future.as_mut()).await {
                return done;
            }
            self.closed = None;
            self.has_given_way = self.is_answered;
        }
        future.await
    }

    /// The calls that follow are paid from what this one is, and take the turns of its namespace.
    fn charge_as(&mut self, first: &Token) {
        self.budget = first.budget();
        first.namespace().clone_into(&mut self.namespace);
    }

    async fn token(&mut self) -> Token {
        let (looks, mut lane) = (Arc::clone(&self.looks), self.handle.lane.clone());
        let namespace = self.namespace.clone();
        let next = |lane| looks.bucket.acquire_next(lane, &namespace);
        let token = self.give_way(token(&mut lane, next)).await;
        token.charged_to(&self.budget)
    }
}

impl FirstAnswer {
    fn inventory(
        self,
        ReadRows { rows, takes }: ReadRows,
        domains: Option<BTreeSet<String>>,
        proves_absence: bool,
    ) -> Inventory {
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by(|a, b| (&a.place, a.create_time).cmp(&(&b.place, b.create_time)));
        Inventory {
            rows,
            total: self.total,
            begun: self.begun.at,
            at: self.at,
            dated: self.dated,
            complete: domains.is_none(),
            order: self.begun.order,
            domains,
            refused: BTreeMap::new(),
            proves_absence,
            takes,
        }
    }
}

/// The end of a look that takes more calls than may be made for its object now.
pub(super) fn over_budget(calls: u32) -> LookError {
    let message = format!(
        "this look takes {calls} calls more, and the calls that may be made for one object in an hour are used up: it is made later"
    );
    LookError::Unpaid(failure(message, None))
}

/// The end of a look whose rows can't be held.
fn no_room(why: NoRoom) -> LookError {
    let failure = match why {
        NoRoom::TooLarge => {
            let message = "the list of callbacks is larger than 4,000 callbacks can make it: their values are longer than any may be";
            Failure::new(Operation::List, Class::Protocol, message)
        }
        NoRoom::GaveWay => Failure {
            had_no_room: true,
            ..failure(
                "the list of callbacks is so large that others had no room beside it: it is read again later".to_owned(),
                None,
            )
        },
    };
    failure.into()
}

fn before(date: Timestamp, elapsed: Duration) -> Timestamp {
    date.saturating_sub(elapsed).unwrap_or(date)
}

fn failure(message: String, request_id: Option<String>) -> Failure {
    Failure {
        request_id,
        ..Failure::new(Operation::List, Class::CloudDown, message)
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
