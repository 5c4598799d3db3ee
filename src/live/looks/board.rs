//! Who looks for what: the looks that are lined up for their token, and those under way. No function here is async, and none is called
//! without the lock around the board, which is held for moments; who waits for a look awaits what these functions give.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::{Arc, Mutex},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::kept::{Begun, SeenInventories};
use crate::lock::lock;
use crate::plan::facts::place::Place;
use crate::plan::step::Proof;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::Lane;
use crate::terms::failure::Failure;

/// Why a look tells nothing.
#[derive(Debug, Clone)]
pub(super) enum LookError {
    /// Whoever lined it up may make no such call now. That is nobody else's trouble.
    Unpaid(Failure),
    /// The cloud did not answer it, or not with a list.
    Failed(Failure),
}

/// A look at work. When it ends well, what it saw is kept.
pub(super) type LookWork = BoxFuture<'static, Result<(), LookError>>;

/// Everybody who waits for a look holds a clone and drives it; when all are dropped, so is the look.
pub(super) type SharedLook = Shared<LookWork>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum LookScope {
    Domain(String),
    Project,
}

/// What somebody wants to know.
#[derive(Debug, Clone)]
pub(super) struct WantedLook {
    pub(super) scope: LookScope,
    /// The place in question; none when everything is.
    pub(super) place: Option<Place>,
    pub(super) not_before: Instant,
    pub(super) proof: Proof,
    pub(super) lane: Lane,
    pub(super) namespace: String,
    /// What a filtered list is paid from beyond its first call, and a sweep that was asked for; one that looks become is made for all.
    pub(super) budget: CallBudget,
}

/// A look as its own work sees it.
pub(super) struct LookHandle {
    pub(super) number: u64,
    pub(super) scope: LookScope,
    /// The highest lane of those who wait for it.
    pub(super) lane: watch::Receiver<Lane>,
}

/// All looks of an account, and what they saw.
#[derive(Default)]
pub(super) struct Board {
    pub(super) kept: SeenInventories,
    /// How many callbacks the project had when it was last asked.
    pub(super) size: Option<u64>,
    /// The cloud has answered this account here: it may list the project.
    pub(super) is_answered: bool,
    waiting: HashMap<LookScope, WaitingLook>,
    /// By scope, and there by number.
    under_way: HashMap<LookScope, BTreeMap<u64, UnderWay>>,
    /// Those that ended or were dropped, and are to be taken off: nobody searches for them.
    ended: EndedLooks,
    looks: u64,
    /// Somebody sees to it that rows are dropped in time.
    pub(super) is_forgetting: bool,
}

struct WaitingLook {
    look: BoardLook,
    swept: oneshot::Sender<SharedLook>,
}

type EndedLooks = Arc<Mutex<Vec<(LookScope, u64)>>>;

/// Is dropped with the work of a look, however that ends.
struct EndNotice {
    scope: LookScope,
    number: u64,
    ended: EndedLooks,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        lock(&self.ended).push((self.scope.clone(), self.number));
    }
}

struct UnderWay {
    look: BoardLook,
    begun: Option<Begun>,
}

/// A look as the board sees it.
struct BoardLook {
    number: u64,
    lane: watch::Sender<Lane>,
    /// Whether what it sees must be worth a first create.
    proof: Proof,
    outcome: Option<WeakShared<LookWork>>,
}

impl From<Failure> for LookError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<LookError> for Failure {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Unpaid(failure) | LookError::Failed(failure) => failure,
        }
    }
}

impl Board {
    /// A look that will tell what is wanted, if there is one.
    pub(super) fn join(&mut self, want: &WantedLook) -> Option<SharedLook> {
        self.tidy();
        let Self {
            kept,
            waiting,
            under_way,
            ..
        } = self;
        for scope in want.scope.answered_by() {
            let looks = under_way.get_mut(scope);
            let mut looks = looks.into_iter().flat_map(BTreeMap::values_mut);
            let joined = looks.find_map(|other| {
                let will_answer = other.will_answer(scope, want, kept);
                will_answer.then(|| other.look.join(want)).flatten()
            });
            if joined.is_some() {
                return joined;
            }
        }
        waiting.get_mut(&want.scope)?.look.join(want)
    }

    /// A new look, whose work first waits for a token, or for a sweep that takes it along.
    pub(super) fn wait(
        &mut self,
        want: &WantedLook,
        work: impl FnOnce(LookHandle, oneshot::Receiver<SharedLook>) -> LookWork,
    ) -> SharedLook {
        let (swept, sweep) = oneshot::channel();
        let scope = want.scope.clone();
        let (look, outcome) = self.new_look(scope.clone(), want.lane, want.proof, |handle| {
            work(handle, sweep)
        });
        self.waiting.insert(scope, WaitingLook { look, swept });
        outcome
    }

    /// How many domains wait for a look.
    pub(super) fn domains_waiting(&mut self) -> usize {
        self.tidy();
        self.waiting.len() - usize::from(self.sweep_waits())
    }

    /// Whether somebody waits for a sweep of the project.
    pub(super) fn sweep_waits(&self) -> bool {
        self.waiting.contains_key(&LookScope::Project)
    }

    /// Whether the look of that number waits still, and no sweep has taken it along.
    pub(super) fn is_waiting(&self, number: u64, scope: &LookScope) -> bool {
        self.waiting
            .get(scope)
            .is_some_and(|waiting| waiting.look.number == number)
    }

    /// A look that waited is under way, by itself.
    pub(super) fn start(&mut self, scope: LookScope) {
        if let Some(WaitingLook { look, .. }) = self.waiting.remove(&scope) {
            self.put_under_way(scope, look);
        }
    }

    fn put_under_way(&mut self, scope: LookScope, look: BoardLook) {
        let looks = self.under_way.entry(scope).or_default();
        looks.insert(look.number, UnderWay { look, begun: None });
    }

    /// A sweep is under way, which takes along those looks that wait.
    pub(super) fn start_sweep(
        &mut self,
        takes_along: impl Fn(&LookScope) -> bool,
        work: impl FnOnce(LookHandle, Proof, BTreeSet<String>) -> LookWork,
    ) {
        let taken: Vec<_> = self
            .waiting
            .extract_if(|scope, _| takes_along(scope))
            .collect();
        let lane = taken
            .iter()
            .map(|(_, waiting)| *waiting.look.lane.borrow())
            .min();
        let proof = taken.iter().map(|(_, waiting)| waiting.look.proof).max();
        let proof = proof.unwrap_or(Proof::Presence);
        let domains = taken
            .iter()
            .filter_map(|(scope, _)| scope.domain())
            .collect();
        let lane = lane.unwrap_or(Lane::Background);
        let (look, outcome) = self.new_look(LookScope::Project, lane, proof, |handle| {
            work(handle, proof, domains)
        });
        self.put_under_way(LookScope::Project, look);
        for (_, waiting) in taken {
            // Whoever is gone by now needs no answer.
            drop(waiting.swept.send(outcome.clone()));
        }
    }

    /// The look of that number asks the cloud from now on; again, when it has to repeat itself.
    pub(super) fn begin(&mut self, number: u64, scope: &LookScope, now: Instant) -> Begun {
        let begun = self.kept.begin(now);
        let looks = self.under_way.get_mut(scope);
        if let Some(other) = looks.and_then(|looks| looks.get_mut(&number)) {
            other.begun.get_or_insert(begun);
        }
        begun
    }

    /// What the waiters of the look of that number need it to prove.
    pub(super) fn proof(&self, number: u64, scope: &LookScope) -> Proof {
        let looks = self.under_way.get(scope);
        let look = looks.and_then(|looks| looks.get(&number));
        look.map_or(Proof::Presence, |other| other.look.proof)
    }

    /// We wrote at this place: what was seen of it before is void.
    pub(super) fn wrote(&mut self, place: &Place) {
        if self.kept.has_many_writes() {
            self.forget_old_writes();
        }
        self.kept.wrote(place);
    }

    /// Forgets the writes that are older than everything seen, or being seen now.
    pub(super) fn forget_old_writes(&mut self) {
        let looks = self.under_way.values().flat_map(BTreeMap::values);
        let begun = looks.filter_map(|other| other.begun);
        self.kept
            .forget_old_writes(begun.map(|begun| begun.order).min());
    }

    fn new_look(
        &mut self,
        scope: LookScope,
        lane: Lane,
        proof: Proof,
        work: impl FnOnce(LookHandle) -> LookWork,
    ) -> (BoardLook, SharedLook) {
        self.looks += 1;
        let (sender, receiver) = watch::channel(lane);
        let (number, ended) = (self.looks, Arc::clone(&self.ended));
        let notice = EndNotice {
            scope: scope.clone(),
            number,
            ended,
        };
        let work = work(LookHandle {
            number,
            scope,
            lane: receiver,
        });
        let outcome = async move {
            let seen = work.await;
            drop(notice);
            seen
        };
        let outcome = outcome.boxed().shared();
        let weak = outcome.downgrade();
        (
            BoardLook {
                number,
                lane: sender,
                proof,
                outcome: weak,
            },
            outcome,
        )
    }

    /// Takes off what has ended, and looks at nothing else: everybody who comes asks for it.
    fn tidy(&mut self) {
        let ended = std::mem::take(&mut *lock(&self.ended));
        for (scope, number) in ended {
            if self.is_waiting(number, &scope) {
                self.waiting.remove(&scope);
            } else if let Entry::Occupied(mut looks) = self.under_way.entry(scope) {
                looks.get_mut().remove(&number);
                if looks.get().is_empty() {
                    looks.remove();
                }
            }
        }
    }
}

impl UnderWay {
    fn will_answer(&self, scope: &LookScope, want: &WantedLook, kept: &SeenInventories) -> bool {
        let in_time = self.begun.is_none_or(|begun| {
            begun.at >= want.not_before
                && want
                    .place
                    .as_ref()
                    .is_none_or(|place| kept.counts(begun.order, place))
        });
        match scope {
            // A sweep that began with creates under way can't be made to prove more.
            LookScope::Project => in_time && self.look.proof >= want.proof,
            LookScope::Domain(_) => in_time,
        }
    }
}

impl BoardLook {
    fn join(&mut self, want: &WantedLook) -> Option<SharedLook> {
        let outcome = self.outcome.as_ref()?.upgrade()?;
        self.proof = self.proof.max(want.proof);
        self.lane.send_if_modified(|lane| {
            let raised = want.lane < *lane;
            *lane = want.lane.min(*lane);
            raised
        });
        Some(outcome)
    }
}

impl LookScope {
    /// The scopes of looks that tell what is wanted of this one.
    fn answered_by(&self) -> impl Iterator<Item = &Self> {
        let sweeps = (*self != Self::Project).then_some(&Self::Project);
        std::iter::once(self).chain(sweeps)
    }

    pub(super) fn domain(&self) -> Option<String> {
        match self {
            Self::Domain(domain) => Some(domain.clone()),
            Self::Project => None,
        }
    }
}

#[cfg(test)]
mod tests;
