//! What can happen between any two calls, and what it does to the world.

use super::cloud;
use super::operator::{Doing, OperatorMemory};
use super::world::{ModelFault, ModelWorld};
use crate::plan::step::Step;
use crate::plan::tests::world::FOREIGN;

/// Something that can happen. The number is that of an operator, or of a row or late call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ModelAction {
    Step(usize),
    StepInto(usize, ModelFault),
    Crash(usize),
    Sweep(usize),
    FailedSweep(usize),
    Commit(usize),
    Lag,
    /// Time passes while nobody has anything to do.
    Tick,
    /// Time passes while an operator that has something to do is held up.
    Pause,
    Edit,
    Retain,
    Suspend,
    Resume,
    Delete,
    /// `kubectl replace`: finalizer and record are gone.
    Wipe,
    /// The Secret of the sign key says the other key.
    Rotate,
    Foreign(usize),
    /// Somebody else PUTs our row: another key, which nobody sees, or another URL.
    Rewrite(usize),
    RemoveByHand(usize),
}

impl ModelAction {
    pub(super) fn is_disturbance(&self) -> bool {
        match self {
            Self::Step(_) | Self::Commit(_) | Self::Tick | Self::Delete | Self::Resume => false,
            Self::StepInto(..)
            | Self::Crash(_)
            | Self::Sweep(_)
            | Self::FailedSweep(_)
            | Self::Lag
            | Self::Pause
            | Self::Edit
            | Self::Retain
            | Self::Suspend
            | Self::Wipe
            | Self::Rotate
            | Self::Foreign(_)
            | Self::Rewrite(_)
            | Self::RemoveByHand(_) => true,
        }
    }

    pub(super) fn happen(self, world: &mut ModelWorld) {
        match self {
            Self::Step(who) => world.step(who, None),
            Self::StepInto(who, fault) => world.step(who, Some(fault)),
            Self::Crash(who) => world.crash(who),
            Self::Sweep(who) => world.sweep(who, false),
            Self::FailedSweep(who) => world.sweep(who, true),
            Self::Commit(at) => world.commit(at),
            Self::Lag => world.lagging = true,
            Self::Tick | Self::Pause => world.tick(),
            Self::Edit => world.edit(|object| object.url = 1 - object.url),
            Self::Retain => world.edit(|object| object.retain = true),
            Self::Suspend => world.edit(|object| object.suspend = true),
            Self::Resume => world.edit(|object| object.suspend = false),
            Self::Delete => world.edit(|object| object.deleting = true),
            Self::Wipe => world.wipe(),
            Self::Rotate => world.key = cloud::other_key(world.key),
            Self::Foreign(url) => drop(world.add_row(url, 0, None)),
            Self::Rewrite(at) => world.rewrite(at),
            Self::RemoveByHand(at) => drop(world.rows.remove(at)),
        }
    }
}

/// All that can happen now, but that time passes.
pub(super) fn possible(world: &ModelWorld, actions: &mut Vec<ModelAction>) {
    for who in world.operators() {
        if world.has_work(who) {
            actions.push(ModelAction::Step(who));
            faults(world, who, actions);
        }
    }
    let Some(object) = &world.object else {
        return;
    };
    for who in world.operators() {
        let operator = &world.operators[who];
        let is_new =
            operator.doing == Doing::Nothing && operator.memory == OperatorMemory::default();
        // That metadata is wiped and the one that knows what they said dies is beyond help.
        if !is_new && !world.hangs_by_memory() {
            actions.push(ModelAction::Crash(who));
        }
        if world.is_compared(who) {
            actions.extend([ModelAction::Sweep(who), ModelAction::FailedSweep(who)]);
        }
    }
    let comes = |at: &usize| world.may_commit(&world.late[*at]);
    actions.extend((0..world.late.len()).filter(comes).map(ModelAction::Commit));
    if !world.lagging {
        actions.push(ModelAction::Lag);
    }
    edits(world, actions);
    let foreign = [object.url, FOREIGN].into_iter();
    actions.extend(
        foreign
            .filter(|url| world.may_intrude(*url))
            .map(ModelAction::Foreign),
    );
    for at in 0..world.rows.len() {
        if world.rows[at].row.place == cloud::place() {
            actions.push(ModelAction::RemoveByHand(at));
        }
        if world.setup.settled && world.may_rewrite(at) {
            actions.push(ModelAction::Rewrite(at));
        }
    }
}

/// What can become of the object and its Secret.
fn edits(world: &ModelWorld, actions: &mut Vec<ModelAction>) {
    let (object, setup) = (world.object.as_ref().unwrap(), &world.setup);
    if object.url == 0 || setup.settled {
        actions.push(ModelAction::Edit);
    }
    if !object.retain {
        actions.push(ModelAction::Retain);
    }
    if object.suspend {
        actions.push(ModelAction::Resume);
    } else if setup.keyed {
        actions.push(ModelAction::Suspend);
    }
    if setup.keyed {
        actions.push(ModelAction::Rotate);
    }
    if world.may_wipe() {
        actions.push(ModelAction::Wipe);
    }
    if !object.deleting && !world.is_bare() {
        actions.push(ModelAction::Delete);
    }
}

/// What can meet the next call of an operator.
fn faults(world: &ModelWorld, who: usize, actions: &mut Vec<ModelAction>) {
    let faults: &[ModelFault] = match &world.operators[who].doing {
        Doing::Posting(..) => &[
            ModelFault::Lost,
            ModelFault::ReplyLost,
            ModelFault::Late,
            ModelFault::TooLate,
            ModelFault::Refused,
        ],
        Doing::Decided(reconciliation) if matches!(reconciliation.step, Step::Look(_)) => {
            &[ModelFault::Lost]
        }
        Doing::Decided(reconciliation) if matches!(reconciliation.step, Step::Update { .. }) => {
            &[ModelFault::Lost, ModelFault::ReplyLost, ModelFault::Late]
        }
        Doing::Decided(reconciliation) if matches!(reconciliation.step, Step::Delete { .. }) => {
            &[ModelFault::Lost, ModelFault::ReplyLost]
        }
        Doing::Decided(_) | Doing::Nothing | Doing::WritingOutcome(..) | Doing::Ending(..) => &[],
    };
    actions.extend(
        faults
            .iter()
            .map(|fault| ModelAction::StepInto(who, *fault)),
    );
}
