//! An operator as a state machine: every step is one call to the cloud or the API server, made and answered as the controller
//! does it. Between two steps anything may happen, also its death.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;

use super::server::ModelObject;
use super::shared::SharedModel;
use super::twins::Mechanism;
use super::world::{ModelFault, ModelWorld, Wrong};
use crate::api::status::Status;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::outcome;
use crate::plan::step::Step;
use crate::plan::step::decide::decide;
use crate::plan::step::settled;

/// One process.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub(super) struct ModelOperator {
    pub(super) memory: OperatorMemory,
    pub(super) doing: Doing,
    /// When it comes back without having been told to.
    pub(super) wake: Option<i64>,
    /// Of the object, as this process last read or wrote it.
    pub(super) left: Option<ModelOccasion>,
}

/// What a process remembers beside what the API server holds, as `controller::memory` does.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub(super) struct OperatorMemory {
    pub(super) record: Option<SharedModel<Record>>,
    pub(super) deleted: BTreeSet<String>,
    pub(super) rechecked: Option<String>,
    pub(super) update_rechecked: Option<Timestamp>,
    pub(super) look_at: Option<i64>,
    /// A PUT found the id gone.
    pub(super) gone: bool,
    /// The sign key as it was last read; 0 where nobody has read it.
    pub(super) key: u8,
}

/// What of an object has it reconciled when it changes: generation, deletion, finalizer, presence of the record.
pub(super) type ModelOccasion = (i64, bool, bool, bool);

/// What a process is in the middle of.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub(super) enum Doing {
    #[default]
    Nothing,
    /// It has decided, and makes the call that follows.
    Decided(Box<ModelReconciliation>),
    /// The record of this attempt is written.
    Posting(Box<ModelReconciliation>, SharedModel<Attempt>),
    /// This status is the outcome of its POST.
    WritingOutcome(Box<ModelReconciliation>, SharedModel<Status>),
    /// This status is the outcome of another change.
    Ending(Box<ModelReconciliation>, SharedModel<Status>),
}

/// One reconcile under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelReconciliation {
    /// The object that is planned on.
    pub(super) object: SharedModel<ModelObject>,
    /// Its newest version that this run has read or written.
    pub(super) version: u32,
    pub(super) known: OperatorKnown,
    /// Follows from the rest.
    pub(super) step: Step,
}

/// What a reconcile found out.
#[derive(Debug, Clone, PartialEq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct OperatorKnown {
    pub(super) now: i64,
    pub(super) record: Option<SharedModel<Record>>,
    pub(super) look_result: Option<ModelLook>,
    pub(super) get_result: ModelQuestion,
    /// A PUT was answered as if the id were gone.
    pub(super) not_found: bool,
    pub(super) rechecked: bool,
    /// The sign key; 0 while it is not read, or where the spec wants none.
    pub(super) key: u8,
    /// Credentials and CRD were read.
    pub(super) access: bool,
    pub(super) crd: bool,
}

/// What a GET by the recorded id said.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) enum ModelQuestion {
    Nothing,
    Gone,
    Row(SharedModel<Row>),
}

/// A look at the place.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) enum ModelLook {
    Failed,
    Seen {
        begun: i64,
        rows: Vec<SharedModel<Row>>,
        proven: bool,
    },
}

impl Hash for ModelReconciliation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.object, self.version, &self.known).hash(state);
    }
}

impl ModelObject {
    pub(super) fn occasion(&self) -> ModelOccasion {
        (
            self.generation,
            self.deleting,
            self.finalizer,
            self.record.is_some(),
        )
    }
}

impl ModelOperator {
    /// The call that it makes next, in a word.
    pub(super) fn next_call(&self) -> String {
        match &self.doing {
            Doing::Nothing => "reads".to_owned(),
            Doing::Decided(reconciliation) => {
                let step = format!("{:?}", reconciliation.step);
                let name = step.split([' ', '(']).next();
                name.unwrap_or_default().to_owned()
            }
            Doing::Posting(..) => "POST".to_owned(),
            Doing::WritingOutcome(..) | Doing::Ending(..) => "writes its outcome".to_owned(),
        }
    }

    /// Whether it has decided on an update.
    pub(super) fn updates(&self) -> bool {
        matches!(&self.doing, Doing::Decided(it) if matches!(it.step, Step::Update { .. }))
    }

    /// Whether it relies on a place that it saw free, or may have posted there.
    pub(super) fn is_creating(&self) -> bool {
        match &self.doing {
            Doing::Decided(reconciliation) => reconciliation.step == Step::Create,
            Doing::Posting(..) | Doing::WritingOutcome(..) => true,
            Doing::Nothing | Doing::Ending(..) => false,
        }
    }
}

impl ModelWorld {
    /// Whether an operator has something to do now.
    pub(super) fn has_work(&self, who: usize) -> bool {
        let operator = &self.operators[who];
        let due = operator.wake.is_some_and(|wake| wake <= self.now);
        let occasion = self.object.as_deref().map(ModelObject::occasion);
        let is_rotated = self.setup.keyed && operator.memory.key != self.key;
        operator.doing != Doing::Nothing
            || (occasion.is_some() && (due || is_rotated || occasion != operator.left))
    }

    /// A process ends. What it has done is unknown unless it was written.
    pub(super) fn crash(&mut self, who: usize) {
        let died = std::mem::take(&mut self.operators[who]);
        self.rewritten |= matches!(died.doing, Doing::Ending(..));
    }

    /// The next step of an operator. A fault meets the call that it makes.
    pub(super) fn step(&mut self, who: usize, fault: Option<ModelFault>) {
        match std::mem::take(&mut self.operators[who].doing) {
            Doing::Nothing => {
                self.read_key(who);
                self.start(who, None, ModelQuestion::Nothing);
            }
            Doing::Decided(reconciliation) => self.act(who, *reconciliation, fault),
            Doing::Posting(reconciliation, attempt) => {
                self.send(who, *reconciliation, &attempt, fault);
            }
            Doing::WritingOutcome(reconciliation, status) => {
                self.end_post(who, &reconciliation, &status);
            }
            Doing::Ending(reconciliation, status) => self.end_change(who, *reconciliation, &status),
        }
    }

    /// The Secret is polled.
    fn read_key(&mut self, who: usize) {
        if self.setup.keyed {
            self.operators[who].memory.key = self.key;
        }
    }

    /// A reconcile begins, with what a sweep showed, if one did.
    pub(super) fn start(
        &mut self,
        who: usize,
        look_result: Option<ModelLook>,
        get_result: ModelQuestion,
    ) {
        let forgets = self.lies(Mechanism::RememberedRecord);
        let is_level = !self.lies(Mechanism::KeyIsLevel);
        let (now, operator) = (self.now, &mut self.operators[who]);
        let Some(object) = self.object.clone() else {
            return;
        };
        (operator.left, operator.wake) = (Some(object.occasion()), None);
        let memory = &mut operator.memory;
        if object.record.is_some() || forgets {
            memory.record = object.record.clone().map(SharedModel::from);
        }
        let newest = memory.record.as_ref().and_then(|record| record.newest());
        let known = OperatorKnown {
            now,
            record: memory.record.clone(),
            look_result,
            get_result,
            not_found: std::mem::take(&mut memory.gone),
            rechecked: newest.is_some_and(|newest| memory.rechecked.as_ref() == Some(&newest.id)),
            key: if is_level { memory.key } else { 0 },
            access: false,
            crd: false,
        };
        let version = object.version;
        self.decide(who, object, version, known);
    }

    /// Answers the questions that no interleaving can change, until there is a call to make.
    pub(super) fn decide(
        &mut self,
        who: usize,
        object: SharedModel<ModelObject>,
        version: u32,
        mut known: OperatorKnown,
    ) {
        loop {
            let facts = self.facts(who, &object, &known);
            let step = decide(&facts);
            if step == Step::ReadSecrets {
                known.access = true;
                if self.operators[who].memory.key == 0 {
                    self.read_key(who);
                }
                known.key = self.operators[who].memory.key;
                continue;
            }
            if step == Step::ReadCrd {
                known.crd = true;
                continue;
            }
            if let Step::Requeue(rest) = &step
                && outcome::after_requeue(&facts, rest) == object.status
            {
                return self.rest(who, &facts, rest);
            }
            let reconciliation = ModelReconciliation {
                object,
                version,
                known,
                step,
            };
            self.operators[who].doing = Doing::Decided(Box::new(reconciliation));
            return;
        }
    }

    /// Makes the call that was decided on.
    fn act(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        fault: Option<ModelFault>,
    ) {
        let facts = self.facts_of(who, &reconciliation);
        match reconciliation.step.clone() {
            Step::Look(_) => self.look(who, reconciliation, fault),
            Step::GetById => {
                let id = facts.id().unwrap_or_default();
                let found = self.rows.iter().find(|remote| remote.row.id == id);
                let lies = self.lies(Mechanism::GetBeforeVanished);
                let found = found.filter(|_| !lies);
                reconciliation.known.get_result = found.map_or(ModelQuestion::Gone, |remote| {
                    ModelQuestion::Row(remote.row.clone())
                });
                self.decide(
                    who,
                    reconciliation.object,
                    reconciliation.version,
                    reconciliation.known,
                );
            }
            Step::AddFinalizer => {
                self.protect(who, reconciliation.version, facts.claiming_record());
                self.again(who);
            }
            Step::Create => self.write_ahead(who, reconciliation, &facts),
            Step::Update { drift: Some(_), .. } if !self.rewritten => {
                self.wrong = Some(Wrong::Blamed);
            }
            Step::Update { id, .. } => self.update(who, reconciliation, &id, fault),
            Step::Delete { id } => self.delete(who, reconciliation, &id, fault),
            Step::Claim(row) => self.claim(who, &reconciliation, &facts, &row),
            Step::Adopt(_) if !reconciliation.object.finalizer => {
                let Some(version) = self.protect(who, reconciliation.version, None) else {
                    return self.again(who);
                };
                reconciliation.object = SharedModel::from(ModelObject {
                    finalizer: true,
                    ..ModelObject::clone(&reconciliation.object)
                });
                reconciliation.version = version;
                self.operators[who].doing = Doing::Decided(Box::new(reconciliation));
            }
            Step::Adopt(row) => {
                let status = outcome::after_adoption(&facts, facts.desired.as_ref().unwrap(), &row);
                self.patch(reconciliation.version, |object| object.status = status);
                self.again(who);
            }
            Step::Release { .. } => {
                let released =
                    self.patch(reconciliation.version, |object| object.finalizer = false);
                if released.is_none() {
                    self.again(who);
                }
            }
            Step::ReportFailure(failure) => self.failed(who, &reconciliation, &failure),
            Step::Requeue(rest) => {
                let status = outcome::after_requeue(&facts, &rest);
                match self.patch(reconciliation.version, |object| object.status = status) {
                    Some(_) => self.rest(who, &facts, &rest),
                    None => self.again(who),
                }
            }
            Step::ReadSecrets
            | Step::ReadCrd
            | Step::RemoveFinalizer
            | Step::Disown { .. }
            | Step::ReportSweepFailure(_) => unreachable!(),
        }
    }

    fn look(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        fault: Option<ModelFault>,
    ) {
        let first = self.facts_of(who, &reconciliation).open_record().is_none();
        let lies = first && self.lies(Mechanism::LookBeforeCreate);
        reconciliation.known.look_result = Some(match fault {
            Some(_) => ModelLook::Failed,
            None => ModelLook::Seen {
                begun: self.now,
                rows: if lies { Vec::new() } else { self.list() },
                proven: true,
            },
        });
        if fault.is_none() {
            self.operators[who].memory.look_at = None;
        }
        let facts = self.facts_of(who, &reconciliation);
        let newest = facts.record.as_ref().and_then(|record| record.newest());
        if let (Some(due), Some(newest)) = (settled::recheck_at(&facts), newest)
            && facts.observed.since(due)
        {
            self.operators[who].memory.rechecked = Some(newest.id.clone());
            reconciliation.known.rechecked = true;
        }
        self.decide(
            who,
            reconciliation.object,
            reconciliation.version,
            reconciliation.known,
        );
    }
}
