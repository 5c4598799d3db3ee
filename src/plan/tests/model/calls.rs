//! The calls of an operator that change something, each with the write of its outcome, as `controller::create` and
//! `controller::update_delete` make them; and how a reconcile ends.

use jiff::Timestamp;

use super::cloud::LateWrite;
use super::facts::digest;
use super::operator::{Doing, ModelReconciliation};
use super::server::{ModelObject, ModelWrite};
use super::shared::SharedModel;
use super::twins::Mechanism;
use super::world::{DEADLINE, ModelFault, ModelWorld, target};
use crate::api::status::Status;
use crate::plan::facts::Facts;
use crate::plan::facts::observed::FRESH;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::outcome::{self, Receipt};
use crate::plan::step::{Requeue, settled};
use crate::plan::tests::world::{SETTLE, content, moment, process::failure};
use crate::terms::failure::{Class, Failure, Operation};

impl ModelWorld {
    /// Finalizer and record, if the look is fresh still.
    pub(super) fn write_ahead(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        facts: &Facts,
    ) {
        let now = moment(self.now);
        if !facts.observed.since(now - FRESH) {
            return self.again(who);
        }
        let id = format!("attempt-{}", self.next_attempt + 1);
        let digest = self.setup.keyed.then(|| digest(reconciliation.known.key));
        let attempt = Attempt::new(id, now, &content(reconciliation.object.url), digest);
        let record = match facts.open_record() {
            Some(open) => open.clone().appended(attempt.clone()),
            None => Record::new("uid", &target(), attempt.clone()),
        };
        let Some(version) = self.protect(who, reconciliation.version, Some(&record)) else {
            return self.again(who);
        };
        reconciliation.version = version;
        self.next_attempt += 1;
        if !self.lies(Mechanism::WriteAhead) {
            self.operators[who].memory.record = Some(record.clone().into());
        }
        reconciliation.known.record = Some(record.into());
        self.operators[who].doing = Doing::Posting(Box::new(reconciliation), attempt.into());
    }

    /// The POST itself, unless its deadline is over.
    pub(super) fn send(
        &mut self,
        who: usize,
        reconciliation: ModelReconciliation,
        attempt: &Attempt,
        fault: Option<ModelFault>,
    ) {
        let planned = attempt.at.as_second();
        let reply = if self.now > planned + DEADLINE {
            Err(Class::NotSent)
        } else {
            self.post(
                reconciliation.object.url,
                reconciliation.known.key,
                planned,
                fault,
            )
        };
        let facts = self.facts_of(who, &reconciliation);
        let status = match reply {
            Ok(row) => {
                let desired = facts.desired.as_ref().unwrap();
                outcome::after_create(&facts, desired, attempt, &row, self.receipt_of(201))
            }
            Err(class) => outcome::after_failure(&facts, &failure(class), None, moment(self.now)).0,
        };
        self.operators[who].doing = Doing::WritingOutcome(Box::new(reconciliation), status.into());
    }

    /// Writes the outcome of a POST, and says when to go on.
    pub(super) fn end_post(
        &mut self,
        who: usize,
        reconciliation: &ModelReconciliation,
        status: &SharedModel<Status>,
    ) {
        let record = reconciliation.known.record.as_ref().unwrap();
        let made = status.callback_id.clone();
        let made = made.filter(|id| reconciliation.object.status.callback_id.as_ref() != Some(id));
        let is_open = record.is_open(status.closed_operation.as_deref());
        let next = status.next_attempt_time.map_or(0, Timestamp::as_second);
        match self.write_create_outcome(who, reconciliation, record, Status::clone(status)) {
            ModelWrite::PutBack => {
                let landing =
                    Doing::WritingOutcome(Box::new(reconciliation.clone()), status.clone());
                self.operators[who].doing = landing;
            }
            ModelWrite::Written if made.is_some() => self.again(who),
            ModelWrite::Written => self.pause(who, if is_open { self.now + 1 } else { next }),
            ModelWrite::Overtaken => self.again(who),
            // Nobody else can know of what was made.
            ModelWrite::Gone if reconciliation.object.retain => self.retained |= made.is_some(),
            ModelWrite::Gone => made.iter().for_each(|id| self.remove_row(id)),
        }
    }

    /// Records a row that an attempt made.
    pub(super) fn claim(
        &mut self,
        who: usize,
        reconciliation: &ModelReconciliation,
        facts: &Facts,
        row: &Row,
    ) {
        let record = facts.record.as_ref().unwrap();
        let desired = facts.desired.as_ref().unwrap();
        let status = outcome::after_claim(facts, desired, record, row);
        self.patch(reconciliation.version, |object| object.status = status);
        self.again(who);
    }

    pub(super) fn update(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        id: &str,
        fault: Option<ModelFault>,
    ) {
        let Some(version) = self.go_ahead(&reconciliation) else {
            return self.again(who);
        };
        reconciliation.version = version;
        let (url, key) = (reconciliation.object.url, reconciliation.known.key);
        if fault == Some(ModelFault::Late) {
            self.late.push(LateWrite {
                id: Some(id.to_owned()),
                url,
                key,
                due: Some(self.now + SETTLE),
            });
        }
        let arrives = !matches!(fault, Some(ModelFault::Lost | ModelFault::Late));
        let row = arrives.then(|| self.put(id, url, key)).flatten();
        if row.is_none() && arrives {
            self.operators[who].memory.gone = true;
            return self.again(who);
        }
        if fault.is_some() {
            return self.failed(who, &reconciliation, &lost_reply(Operation::Update));
        }
        let facts = self.facts_of(who, &reconciliation);
        let desired = facts.desired.as_ref().unwrap();
        let status = outcome::after_update(&facts, desired, row.as_ref(), self.receipt_of(200));
        self.operators[who].doing = Doing::Ending(Box::new(reconciliation), status.into());
    }

    pub(super) fn delete(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        id: &str,
        fault: Option<ModelFault>,
    ) {
        let Some(version) = self.go_ahead(&reconciliation) else {
            return self.again(who);
        };
        reconciliation.version = version;
        if fault != Some(ModelFault::Lost) {
            self.remove_row(id);
        }
        if fault.is_some() {
            return self.failed(who, &reconciliation, &lost_reply(Operation::Delete));
        }
        self.operators[who].memory.deleted.insert(id.to_owned());
        reconciliation.known.look_result = None;
        if reconciliation.object.deleting {
            return self.decide(
                who,
                reconciliation.object,
                reconciliation.version,
                reconciliation.known,
            );
        }
        let facts = self.facts_of(who, &reconciliation);
        let status = outcome::after_delete(&facts, self.receipt_of(204));
        self.operators[who].doing = Doing::Ending(Box::new(reconciliation), status.into());
    }

    /// Writes the outcome of a PUT or DELETE. Where only metadata or spec changed meanwhile it holds all the same.
    pub(super) fn end_change(
        &mut self,
        who: usize,
        mut reconciliation: ModelReconciliation,
        status: &SharedModel<Status>,
    ) {
        let written = self.patch(reconciliation.version, |object| {
            object.status = Status::clone(status);
        });
        let Some(object) = self.object.as_ref().filter(|_| written.is_none()) else {
            return self.again(who);
        };
        if object.status != reconciliation.object.status {
            return self.again(who);
        }
        reconciliation.version = object.version;
        self.operators[who].doing = Doing::Ending(Box::new(reconciliation), status.clone());
    }

    /// Reads the object afresh. Its version, if it is as planned.
    fn go_ahead(&self, reconciliation: &ModelReconciliation) -> Option<u32> {
        if self.lies(Mechanism::FreshRead) {
            return Some(reconciliation.version);
        }
        let (fresh, planned) = (self.object.as_ref()?, &reconciliation.object);
        if self.setup.keyed && reconciliation.known.key != self.key && !planned.deleting {
            return None;
        }
        let plan_of = |object: &ModelObject| {
            let status = &object.status;
            let ids = (status.callback_id.clone(), status.closed_operation.clone());
            (object.generation, object.deleting, ids)
        };
        (plan_of(fresh) == plan_of(planned)).then_some(fresh.version)
    }

    /// Tells a failed call, and comes back when its backoff ends.
    pub(super) fn failed(
        &mut self,
        who: usize,
        reconciliation: &ModelReconciliation,
        failure: &Failure,
    ) {
        let facts = self.facts_of(who, reconciliation);
        let (status, again) = outcome::after_failure(&facts, failure, None, moment(self.now));
        match self.patch(reconciliation.version, |object| object.status = status) {
            Some(_) => self.pause(who, again.as_second()),
            None => self.again(who),
        }
    }

    /// Nothing to do for now.
    pub(super) fn rest(&mut self, who: usize, facts: &Facts, rest: &Requeue) {
        let (planned, memory) = (facts.now.as_second(), &mut self.operators[who].memory);
        let rechecked = settled::rechecked_update(facts, rest);
        memory.update_rechecked = rechecked.or(memory.update_rechecked);
        let again = rest.again.map(Timestamp::as_second);
        if rest.with_look {
            self.operators[who].memory.look_at = again;
        }
        let put_off = self.operators[who].memory.look_at;
        let put_off = put_off.filter(|at| *at > planned && !self.lies(Mechanism::PutOffLook));
        if let Some(again) = again.into_iter().chain(put_off).min() {
            self.pause(who, self.now + (again - planned).max(0));
        }
    }

    pub(super) fn again(&mut self, who: usize) {
        self.pause(who, self.now);
    }

    fn pause(&mut self, who: usize, until: i64) {
        self.operators[who].wake = Some(until);
    }

    fn receipt_of(&self, http_status: u16) -> Receipt {
        Receipt {
            http_status: Some(http_status),
            request_id: None,
            at: moment(self.now),
        }
    }
}

fn lost_reply(operation: Operation) -> Failure {
    Failure {
        operation,
        ..failure(Class::CloudDown)
    }
}
