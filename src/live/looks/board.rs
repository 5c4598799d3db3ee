//! Who looks for what: the looks that are lined up for their token, and those under way. No function here is async, and none is called
//! without the lock around the board, which is held for moments; who waits for a look awaits what these functions give.

use std::collections::{BTreeSet, HashMap};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::kept::{Begun, SeenInventories};
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
    /// The highest lane of those who wait for it.
    pub(super) lane: watch::Receiver<Lane>,
}

/// All looks of an account, and what they saw.
#[derive(Default)]
pub(super) struct Board {
    pub(super) kept: SeenInventories,
    /// How many callbacks the project had when it was last asked.
    pub(super) size: Option<u64>,
    waiting: HashMap<LookScope, WaitingLook>,
    under_way: Vec<UnderWay>,
    looks: u64,
    /// Somebody sees to it that rows are dropped in time.
    pub(super) is_forgetting: bool,
}

struct WaitingLook {
    look: BoardLook,
    swept: oneshot::Sender<SharedLook>,
}

struct UnderWay {
    look: BoardLook,
    scope: LookScope,
    begun: Option<Begun>,
}

/// A look as the board sees it.
struct BoardLook {
    number: u64,
    /// Its other end is held by the work: closed means that it ended or was dropped.
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
        under_way
            .iter_mut()
            .filter(|other| other.will_answer(want, kept))
            .find_map(|other| other.look.join(want))
            .or_else(|| {
                waiting
                    .get_mut(&want.scope)
                    .and_then(|other| other.look.join(want))
            })
    }

    /// A new look, whose work first waits for a token, or for a sweep that takes it along.
    pub(super) fn wait(
        &mut self,
        want: &WantedLook,
        work: impl FnOnce(LookHandle, oneshot::Receiver<SharedLook>) -> LookWork,
    ) -> SharedLook {
        let (swept, sweep) = oneshot::channel();
        let (look, outcome) = self.new_look(want.lane, want.proof, |handle| work(handle, sweep));
        self.waiting
            .insert(want.scope.clone(), WaitingLook { look, swept });
        outcome
    }

    /// How many domains wait for a look.
    pub(super) fn domains_waiting(&mut self) -> usize {
        self.tidy();
        self.waiting
            .keys()
            .filter(|scope| **scope != LookScope::Project)
            .count()
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
            self.under_way.push(UnderWay {
                look,
                scope,
                begun: None,
            });
        }
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
        let (look, outcome) = self.new_look(lane.unwrap_or(Lane::Background), proof, |handle| {
            work(handle, proof, domains)
        });
        self.under_way.push(UnderWay {
            look,
            scope: LookScope::Project,
            begun: None,
        });
        for (_, waiting) in taken {
            // Whoever is gone by now needs no answer.
            drop(waiting.swept.send(outcome.clone()));
        }
    }

    /// The look of that number asks the cloud from now on; again, when it has to repeat itself.
    pub(super) fn begin(&mut self, number: u64, now: Instant) -> Begun {
        let begun = self.kept.begin(now);
        for other in self
            .under_way
            .iter_mut()
            .filter(|other| other.look.number == number)
        {
            other.begun.get_or_insert(begun);
        }
        begun
    }

    /// What the waiters of the look of that number need it to prove.
    pub(super) fn proof(&self, number: u64) -> Proof {
        let look = self
            .under_way
            .iter()
            .find(|other| other.look.number == number);
        look.map_or(Proof::Presence, |other| other.look.proof)
    }

    fn new_look(
        &mut self,
        lane: Lane,
        proof: Proof,
        work: impl FnOnce(LookHandle) -> LookWork,
    ) -> (BoardLook, SharedLook) {
        self.looks += 1;
        let (sender, receiver) = watch::channel(lane);
        let outcome = work(LookHandle {
            number: self.looks,
            lane: receiver,
        })
        .shared();
        let weak = outcome.downgrade();
        (
            BoardLook {
                number: self.looks,
                lane: sender,
                proof,
                outcome: weak,
            },
            outcome,
        )
    }

    fn tidy(&mut self) {
        self.waiting
            .retain(|_, waiting| !waiting.look.lane.is_closed());
        self.under_way.retain(|other| !other.look.lane.is_closed());
        let begun = self.under_way.iter().filter_map(|other| other.begun);
        self.kept
            .forget_old_writes(begun.map(|begun| begun.order).min());
    }
}

impl UnderWay {
    fn will_answer(&self, want: &WantedLook, kept: &SeenInventories) -> bool {
        let in_time = self.begun.is_none_or(|begun| {
            begun.at >= want.not_before
                && want
                    .place
                    .as_ref()
                    .is_none_or(|place| kept.counts(begun.order, place))
        });
        match &self.scope {
            // A sweep that began with creates under way can't be made to prove more.
            LookScope::Project => in_time && self.look.proof >= want.proof,
            LookScope::Domain(_) => in_time && self.scope == want.scope,
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
    pub(super) fn domain(&self) -> Option<String> {
        match self {
            Self::Domain(domain) => Some(domain.clone()),
            Self::Project => None,
        }
    }
}
