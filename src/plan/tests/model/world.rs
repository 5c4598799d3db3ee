//! All that there is: a cloud, an API server with one object, two operators, and a clock that moves when it is told to.

use std::ops::Range;

use super::cloud::{KEYS, LateWrite, ModelRemote, place, plain};
use super::facts::digest;
use super::operator::{Doing, ModelLook, ModelOperator, ModelQuestion};
use super::server::ModelObject;
use super::shared::{self, SharedModel};
use super::twins::Mechanism;
use crate::api::status::Status;
use crate::plan::facts::Adoption;
use crate::plan::facts::conditions;
use crate::plan::facts::content::Content;
use crate::plan::facts::operation_log;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::step::Step;
use crate::plan::step::drift;
use crate::plan::tests::world::{SETTLE, SWEEP, content, moment};
use crate::terms::target::Target;

/// When everything begins: a moment at which a sweep is due, too.
const DAWN: i64 = 1_800_000_000;
/// By so much the clock moves while anything may go wrong: half the settle time, so that a moment is before or after it.
const TICK: i64 = SETTLE / 2 + 1;
/// After its attempt's moment a POST is not handed over any more.
pub(super) const DEADLINE: i64 = 17;
/// So long after its beginning a world is quiet for sure.
const DAY: i64 = SWEEP + SWEEP / 2;

/// What does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct ModelSetup {
    /// Whether the cloud refuses a second row at a place.
    pub(super) unique: bool,
    pub(super) adoption: Adoption,
    /// The URL of a foreign row that lies at the object's place from the beginning.
    pub(super) foreign: Option<usize>,
    /// The spec wants a sign key.
    pub(super) keyed: bool,
    /// It begins long after the object came to rest.
    pub(super) settled: bool,
    /// There is one operator, and metadata may be wiped.
    pub(super) one_operator: bool,
    /// The mechanism that is missing.
    pub(super) twin: Option<Mechanism>,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) struct ModelWorld {
    pub(super) setup: ModelSetup,
    pub(super) now: i64,
    /// When it is quiet for sure: two sweeps have come by.
    dusk: i64,
    /// The sign key in the Secret.
    pub(super) key: u8,
    pub(super) object: Option<SharedModel<ModelObject>>,
    pub(super) rows: Vec<ModelRemote>,
    pub(super) late: Vec<LateWrite>,
    /// Lists do not show what is made now.
    pub(super) lagging: bool,
    pub(super) operators: [ModelOperator; 2],
    pub(super) next_id: u32,
    pub(super) next_attempt: u32,
    /// Somebody has written our row and told nobody: somebody else, or a process that died of it.
    pub(super) rewritten: bool,
    /// The object was let go by the policy `Retain`.
    pub(super) retained: bool,
    pub(super) wrong: Option<Wrong>,
}

/// What meets a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ModelFault {
    /// It is not carried out, and not answered.
    Lost,
    ReplyLost,
    /// A POST that is carried out later, within the settle time.
    Late,
    /// A POST that is carried out later, at any time.
    TooLate,
    Refused,
}

/// What may never be done, however it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    ForeignDeleted,
    RetainedDeleted,
    StalePut,
    PostedBeside,
    /// A difference that nobody else made is told as somebody else's, or only a sweep finds it.
    Blamed,
}

/// How a world is once nothing more happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelVerdict {
    Good,
    Wrong(Wrong),
    /// More than one row of ours.
    Several,
    /// A row of ours that nobody knows of.
    Orphan,
    /// Not Ready, in Conflict or gone; or not in truth.
    Stuck,
    /// It is right, and does not stay so without a call or a write.
    Restless,
}

impl shared::SharedWorld for ModelWorld {
    type Verdict = ModelVerdict;
    const ENDLESS: ModelVerdict = ModelVerdict::Stuck;

    fn go_on(&mut self) -> bool {
        self.wrong.is_none() && self.pass()
    }

    /// How it is once quiet, and whether it stays so.
    fn end(&self) -> ModelVerdict {
        let verdict = self.judge();
        if verdict == ModelVerdict::Good && !self.stays() {
            return ModelVerdict::Restless;
        }
        verdict
    }
}

pub(super) fn target() -> Target {
    Target {
        region: "cn-north-4".to_owned(),
        project_id: "0123456789abcdef0123456789abcdef".to_owned(),
        endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
    }
}

impl ModelWorld {
    /// A fresh object, a row of another place, and perhaps a foreign one at the object's own.
    pub(super) fn new(setup: ModelSetup) -> Self {
        let mut world = Self {
            setup,
            now: DAWN,
            dusk: DAWN + DAY,
            key: KEYS[0],
            object: Some(SharedModel::from(ModelObject {
                version: 1,
                generation: 1,
                url: 0,
                retain: false,
                suspend: false,
                deleting: false,
                finalizer: false,
                record: None,
                status: Status {
                    observed_generation: Some(-1),
                    ..Status::default()
                },
            })),
            rows: Vec::new(),
            late: Vec::new(),
            lagging: false,
            operators: [ModelOperator::default(), ModelOperator::default()],
            next_id: 0,
            next_attempt: 0,
            rewritten: false,
            retained: false,
            wrong: None,
        };
        world.lay(Place::new(place().domain(), "*"), 0);
        if let Some(url) = setup.foreign {
            world.lay(place(), url);
        }
        if setup.settled {
            while world.pass() {}
            world.dusk = world.now + DAY;
        }
        world
    }

    /// A foreign row has been there for long.
    fn lay(&mut self, place: Place, url: usize) {
        let row = self.row(place, &content(url), DAWN - 3600).into();
        self.rows.push(ModelRemote {
            row,
            posted: false,
            key: 0,
            hidden_until: None,
        });
    }

    /// The operators that there are.
    pub(super) fn operators(&self) -> Range<usize> {
        0..if self.setup.one_operator { 1 } else { 2 }
    }

    /// Whether this mechanism is missing, so that the world lies in its stead.
    pub(super) fn lies(&self, mechanism: Mechanism) -> bool {
        self.setup.twin == Some(mechanism)
    }

    pub(super) fn tick(&mut self) {
        self.advance(self.now + TICK);
    }

    /// Time passes. What the settle time is an upper bound of comes within it.
    fn advance(&mut self, to: i64) {
        let due = |late: &LateWrite| late.due.is_some_and(|due| due <= to);
        while let Some(at) = self.late.iter().position(due) {
            // A PUT is not in the second of the one before it; a POST is dated as early as can be.
            if self.late[at].id.is_some() {
                self.now = to;
            }
            self.commit(at);
        }
        self.now = to;
        for remote in &mut self.rows {
            remote.hidden_until = remote.hidden_until.filter(|until| *until > to);
        }
    }

    /// A late call is carried out. Where places are unique a POST may find its place taken.
    pub(super) fn commit(&mut self, at: usize) {
        let LateWrite { id, url, key, due } = self.late.remove(at);
        match id {
            Some(id) => drop(self.overwrite(&id, url, key, self.now)),
            // One that comes at any time shows at once: else it could come as late as that with its due in time.
            None => drop(self.add_row(url, key, Some(due.unwrap_or(self.now)))),
        }
    }

    /// Whether the inventory has a say in how the object is.
    pub(super) fn is_compared(&self, who: usize) -> bool {
        let settled = |object: &SharedModel<ModelObject>| {
            !object.deleting && !object.suspend && object.status.callback_id.is_some()
        };
        self.operators[who].doing == Doing::Nothing && self.object.as_ref().is_some_and(settled)
    }

    /// An operator compares the inventory, as `controller::sweep` does. A blind list lacks what is there.
    pub(super) fn sweep(&mut self, who: usize, sweep_failure: bool) {
        let status = &self.object.as_ref().unwrap().status;
        let rows = if sweep_failure {
            Vec::new()
        } else {
            self.list()
        };
        let id = status.callback_id.as_ref().unwrap();
        let is_missing = !rows.iter().any(|row| row.id == *id);
        let settle_time = self.settle_time();
        let counts = moment(self.now)
            >= drift::looks_count_from(operation_log::last_write(status), None, settle_time);
        let look = |proven| ModelLook::Seen {
            begun: self.now,
            rows: rows.clone(),
            proven,
        };
        if is_missing && counts {
            let is_there = self.rows.iter().any(|remote| remote.row.id == *id);
            if !is_there || self.lies(Mechanism::GetBeforeVanished) {
                self.start(who, Some(look(true)), ModelQuestion::Gone);
            }
        } else if is_missing || drift::needs_decision(status, None, &plain(&rows)) {
            self.start(who, Some(look(false)), ModelQuestion::Nothing);
        }
    }

    /// One step of a world that nothing more happens to. `false` when it is quiet for sure.
    fn pass(&mut self) -> bool {
        self.lagging = false;
        self.late.retain(|late| late.due.is_some());
        if let Some(who) = self.operators().find(|who| self.has_work(*who)) {
            self.step(who, None);
            return true;
        }
        let wakes = self.operators.iter().filter_map(|operator| operator.wake);
        let next = wakes
            .chain(self.late.iter().filter_map(|late| late.due))
            .chain(self.rows.iter().filter_map(|remote| remote.hidden_until))
            .filter(|moment| *moment > self.now)
            .chain([self.now - self.now % SWEEP + SWEEP])
            .min();
        self.advance(next.unwrap_or(self.dusk));
        if self.now % SWEEP == 0 && !self.lies(Mechanism::Sweep) {
            for who in self.operators() {
                if self.is_compared(who) {
                    self.sweep(who, false);
                    if self.operators[who].updates() && !self.rewritten {
                        self.wrong = Some(Wrong::Blamed);
                    }
                }
            }
        }
        self.now < self.dusk
    }

    /// Whether neither the last sweep nor one more reconcile led to a call or a write. What is in Conflict goes on to be looked at.
    fn stays(&self) -> bool {
        let mut world = self.clone();
        world.operators().all(|who| {
            let last = world.operators[who].doing.clone();
            world.start(who, None, ModelQuestion::Nothing);
            [&last, &world.operators[who].doing]
                .into_iter()
                .all(|doing| match doing {
                    Doing::Nothing => true,
                    Doing::Decided(reconciliation) => {
                        let looks = matches!(reconciliation.step, Step::Look(_) | Step::Requeue(_));
                        let status = &reconciliation.object.status;
                        let given_up = operation_log::lost_update(status, world.settle_time());
                        // Each process looks once after an update that was given up.
                        let is_new = given_up != world.operators[who].memory.update_rechecked;
                        looks && (conditions::has_reason(status, Reason::Conflict) || is_new)
                    }
                    Doing::Posting(..) | Doing::WritingOutcome(..) | Doing::Ending(..) => false,
                })
        })
    }

    /// What must hold of a quiet world.
    fn judge(&self) -> ModelVerdict {
        if let Some(wrong) = self.wrong {
            return ModelVerdict::Wrong(wrong);
        }
        if let Some(object) = self.object.as_ref().filter(|object| object.suspend) {
            return self.judge_suspended(object);
        }
        let ours: Vec<&str> = self
            .rows
            .iter()
            .filter(|remote| remote.posted)
            .map(|remote| remote.row.id.as_str())
            .collect();
        // Retain lets go without a look, whatever lies there.
        if self.retained {
            return ModelVerdict::Good;
        }
        if ours.len() > 1 {
            return ModelVerdict::Several;
        }
        let Some(object) = &self.object else {
            return if ours.is_empty() {
                ModelVerdict::Good
            } else {
                ModelVerdict::Orphan
            };
        };
        let Some(ready) = conditions::ready(&object.status) else {
            return ModelVerdict::Stuck;
        };
        let held = object.status.callback_id.as_deref();
        let is_known = |id: &&str| held == Some(id) || ready.message.contains(*id);
        if !ours.iter().all(is_known) {
            return ModelVerdict::Orphan;
        }
        let foreign = self.here().any(|remote| !remote.posted);
        let holds = self.here().any(|remote| {
            Some(remote.row.id.as_str()) == held
                && remote.row.holds(&content(object.url))
                && (!self.setup.keyed || remote.key == self.key)
        });
        let settled = match ready.reason.as_str() {
            "Available" => holds,
            "Conflict" => foreign,
            _ => false,
        };
        let is_reported = object.status.observed_generation == Some(object.generation);
        if settled && is_reported && !object.deleting {
            ModelVerdict::Good
        } else {
            ModelVerdict::Stuck
        }
    }

    /// Suspended: Ready is True only of what was last sent.
    fn judge_suspended(&self, object: &ModelObject) -> ModelVerdict {
        let status = &object.status;
        let is_as_sent = status.sent.as_ref().is_none_or(|sent| {
            let key = sent.key_digest == self.setup.keyed.then(|| digest(self.key));
            key && Content::from(sent).is_same(&content(object.url))
        });
        let is_reported = conditions::has_reason(status, Reason::Suspended);
        if is_reported && (is_as_sent || !conditions::is_ready(status)) {
            ModelVerdict::Good
        } else {
            ModelVerdict::Stuck
        }
    }
}
