//! The process: one reconcile from its facts to its end, as the controller carries it out.

use std::convert::Infallible;

use futures::FutureExt as _;
use jiff::Timestamp;

use super::world::{Neglect, PairFate, PairKnown, PairWorld, place};
use crate::api::status::Status;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::{
    CloudAccess, CrdPresence, Desired, Facts, GetResult, Observed, SignKeyState,
};
use crate::plan::outcome::{self, Receipt, release};
use crate::plan::step::interpreter::{Interpreter, interpret};
use crate::plan::step::{Requeue, Step};
use crate::plan::step::{drift, settled};
use crate::plan::tests::model::world::target;
use crate::plan::tests::world::{SETTLE, moment, process::failure};
use crate::terms::failure::{Class, Failure, Operation};

/// How a reconcile goes on: when it comes back by itself.
enum PairNext {
    At(i64),
    OnChange,
}

struct PairReconciliation<'a> {
    world: &'a mut PairWorld,
    who: usize,
    fate: PairFate,
    facts: Facts,
}

impl PairWorld {
    /// A reconcile of an object; its change at the cloud meets this fate.
    pub(super) fn reconcile(&mut self, who: usize, fate: PairFate) {
        let observed = Observed::Unasked;
        self.decide(who, fate, observed, GetResult::Unasked);
    }

    /// A sweep compares what it saw with the object, and hands over what is news.
    pub(super) fn sweep(&mut self, who: usize) {
        let Some(object) = self.objects[who].clone().filter(|_| self.is_compared(who)) else {
            return;
        };
        let (rows, id) = (self.here(), object.status.callback_id.as_deref());
        let everywhere = self.rows.iter().map(|row| Row::clone(row));
        let elsewhere =
            everywhere.filter(|row| Some(row.id.as_str()) == id && row.place != place());
        let rows: Vec<Row> = elsewhere.chain(rows).collect();
        let is_missing = !rows.iter().any(|row| Some(row.id.as_str()) == id);
        let observed = Observed::seen(moment(self.now), rows.clone(), is_missing);
        if is_missing {
            self.decide(who, PairFate::Answered, observed, GetResult::Gone);
        } else if drift::needs_decision(&object.status, None, &rows) {
            self.decide(who, PairFate::Answered, observed, GetResult::Unasked);
        }
    }

    fn decide(&mut self, who: usize, fate: PairFate, observed: Observed, get_result: GetResult) {
        let Some(object) = self.objects[who].clone() else {
            return;
        };
        self.note_begun(who);
        let mut facts = self.facts(who, &object);
        facts.observed = observed;
        if get_result == GetResult::Gone {
            facts.get_result = get_result;
        }
        let mut reconciliation = PairReconciliation {
            world: self,
            who,
            fate,
            facts,
        };
        let ended = interpret(&mut reconciliation).now_or_never();
        let next = ended.expect("nobody is waited for").unwrap();
        if self.objects[who].is_some() {
            self.memory.of[who].wake = match next {
                PairNext::At(at) => Some(at),
                PairNext::OnChange => None,
            };
        }
    }
}

impl PairReconciliation<'_> {
    fn now(&self) -> i64 {
        self.world.now
    }

    fn again(&self) -> PairNext {
        PairNext::At(self.now())
    }

    fn desired(&self) -> Desired {
        self.facts.desired.clone().unwrap()
    }

    fn receipt_of(&self, http_status: Option<u16>) -> Receipt {
        Receipt {
            http_status,
            request_id: None,
            at: self.facts.now,
        }
    }

    fn write(&mut self, status: Status) {
        if self.facts.status != status {
            self.facts.status = status.clone();
            self.world.write(self.who, |object| object.status = status);
        }
    }

    fn known(&mut self) -> &mut PairKnown {
        &mut self.world.memory.of[self.who]
    }

    /// The process dies here, if it is to.
    fn dies(&mut self) -> bool {
        if self.fate == PairFate::Killed {
            self.world.crash();
        }
        self.fate == PairFate::Killed
    }

    fn unanswered(&mut self, operation: Operation) -> PairNext {
        let failure = Failure {
            operation,
            ..failure(Class::CloudDown)
        };
        let (status, again) = outcome::after_failure(&self.facts, &failure, None, self.facts.now);
        self.write(status);
        PairNext::At(again.as_second())
    }
}

impl Interpreter for PairReconciliation<'_> {
    type End = PairNext;
    type Error = Infallible;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn out_of_steps(&self) -> PairNext {
        PairNext::At(self.now() + 1)
    }

    async fn perform(&mut self, step: Step) -> Result<Option<PairNext>, Infallible> {
        let next = match step {
            Step::ReadSecrets => {
                self.read_secrets();
                return Ok(None);
            }
            Step::Look(_) => {
                self.look();
                return Ok(None);
            }
            Step::GetById => {
                self.get_by_id();
                return Ok(None);
            }
            Step::ReadCrd => {
                self.facts.crd = CrdPresence::Stays;
                return Ok(None);
            }
            Step::AddFinalizer => self.add_finalizer(),
            Step::Create => self.create(),
            Step::Update { id, .. } => self.update(&id),
            Step::Delete { id } => return Ok(self.delete(&id)),
            Step::Claim(row) => self.claim(&row),
            Step::Adopt(row) => self.adopt(&row),
            Step::Disown { id, .. } => self.disown(&id),
            Step::Release { .. } => self.release(),
            Step::ReportFailure(failure) => self.report_failure(&failure),
            Step::Requeue(rest) => self.requeue(&rest),
            Step::RemoveFinalizer | Step::ReportSweepFailure(_) => unreachable!(),
        };
        Ok(Some(next))
    }
}

impl PairReconciliation<'_> {
    fn read_secrets(&mut self) {
        self.facts.access = CloudAccess::Usable(target());
        self.facts.key = SignKeyState::Unwanted;
        self.facts.other_owner = self.world.other_owner(self.who);
    }

    fn look(&mut self) {
        let rows = self.world.here();
        let ids = rows.iter().map(|row| row.id.as_str());
        let ids = ids.chain(self.facts.id());
        self.facts.claimed_elsewhere = self.world.held_by_others(self.who, ids);
        self.facts.observed = Observed::seen(self.facts.now, rows, true);
        let due =
            settled::recheck_at(&self.facts).is_some_and(|due| self.facts.observed.since(due));
        let newest = self.facts.record.as_ref().and_then(Record::newest);
        let newest = newest.filter(|_| due).map(|newest| newest.id.clone());
        let known = self.known();
        known.look_at = None;
        known.has_looked = true;
        if newest.is_some() {
            known.rechecked = newest;
            self.facts.rechecked = true;
        }
        self.facts.other_owner = self.world.other_owner(self.who);
    }

    fn get_by_id(&mut self) {
        let id = self.facts.id().unwrap_or_default();
        let row = self.world.rows.iter().find(|row| row.id == id);
        let lies = self.world.lies(Neglect::Dispute);
        self.facts.get_result = row.map_or(GetResult::Gone, |row| {
            let mut row = Row::clone(row);
            if lies {
                row.place = place();
            }
            GetResult::Row(row)
        });
    }

    fn add_finalizer(&mut self) -> PairNext {
        let record = self.facts.claiming_record().cloned();
        self.world.write(self.who, |object| {
            object.finalizer = true;
            object.record = record.or_else(|| object.record.take());
        });
        self.again()
    }

    fn create(&mut self) -> PairNext {
        let desired = self.desired();
        let id = format!("{}-{}", self.who, self.now());
        let attempt = Attempt::new(id, self.facts.now, &desired.content, None);
        let record = match self.facts.open_record() {
            Some(open) => open.clone().appended(attempt.clone()),
            None => Record::new(&self.who.to_string(), &target(), attempt.clone()),
        };
        self.facts.record = Some(record.clone());
        self.world.write(self.who, |object| {
            object.finalizer = true;
            object.record = Some(record);
        });
        let url = self.world.objects[self.who].as_ref().map(|it| it.url);
        if let (Some(url), PairFate::Late) = (url, self.fate) {
            self.world.late.push((url, self.now() + SETTLE));
        }
        let arrives = !matches!(self.fate, PairFate::Lost | PairFate::Late);
        let row = url.filter(|_| arrives).map(|url| self.world.post(url));
        if self.dies() {
            return PairNext::OnChange;
        }
        let class = match (row, self.fate) {
            (Some(Some(row)), PairFate::Answered) => {
                let receipt = self.receipt_of(Some(201));
                self.write(outcome::after_create(
                    &self.facts,
                    &desired,
                    &attempt,
                    &row,
                    receipt,
                ));
                return self.again();
            }
            (Some(None), PairFate::Answered) => Class::Exists,
            _ => Class::CloudDown,
        };
        let failed = outcome::after_failure(&self.facts, &failure(class), None, self.facts.now);
        self.write(failed.0);
        PairNext::At(self.now() + 1)
    }

    fn update(&mut self, id: &str) -> PairNext {
        let url = self.world.objects[self.who].as_ref().map(|it| it.url);
        let arrives = !matches!(self.fate, PairFate::Lost | PairFate::Late);
        let row = url.filter(|_| arrives).map(|url| self.world.put(id, url));
        if self.dies() {
            return PairNext::OnChange;
        }
        match (row, self.fate) {
            (Some(Some(row)), PairFate::Answered) => {
                let (desired, receipt) = (self.desired(), self.receipt_of(Some(200)));
                self.write(outcome::after_update(
                    &self.facts,
                    &desired,
                    Some(&row),
                    receipt,
                ));
                self.again()
            }
            (Some(None), _) => {
                self.known().gone = true;
                self.again()
            }
            _ => self.unanswered(Operation::Update),
        }
    }

    fn delete(&mut self, id: &str) -> Option<PairNext> {
        if !matches!(self.fate, PairFate::Lost | PairFate::Late) {
            self.world.remove(id);
        }
        if self.dies() {
            return Some(PairNext::OnChange);
        }
        if self.fate != PairFate::Answered {
            return Some(self.unanswered(Operation::Delete));
        }
        self.world.memory.deleted.insert(id.to_owned());
        self.facts.deleted.insert(id.to_owned());
        self.facts.observed = Observed::Unasked;
        if self.facts.object.deleting {
            return None;
        }
        let receipt = self.receipt_of(Some(204));
        self.write(outcome::after_delete(&self.facts, receipt));
        Some(self.again())
    }

    fn claim(&mut self, row: &Row) -> PairNext {
        let record = self.facts.record.clone().unwrap();
        let desired = self.desired();
        self.write(outcome::after_claim(&self.facts, &desired, &record, row));
        self.again()
    }

    fn adopt(&mut self, row: &Row) -> PairNext {
        self.world.write(self.who, |object| object.finalizer = true);
        let desired = self.desired();
        self.write(outcome::after_adoption(&self.facts, &desired, row));
        self.again()
    }

    fn disown(&mut self, id: &str) -> PairNext {
        let owner = self.world.objects[1 - self.who].as_ref();
        let held = owner.and_then(|owner| owner.status.callback_id.as_deref());
        if held == Some(id) && !self.world.lies(Neglect::Disowning) {
            self.write(release::after_disown(&self.facts));
        }
        self.again()
    }

    fn release(&mut self) -> PairNext {
        self.world
            .write(self.who, |object| object.finalizer = false);
        PairNext::OnChange
    }

    fn report_failure(&mut self, failure: &Failure) -> PairNext {
        let (status, again) = outcome::after_failure(&self.facts, failure, None, self.facts.now);
        self.write(status);
        PairNext::At(again.as_second())
    }

    fn requeue(&mut self, rest: &Requeue) -> PairNext {
        let status = outcome::after_requeue(&self.facts, rest);
        let rechecked = settled::rechecked_update(&self.facts, rest);
        self.write(status);
        let known = self.known();
        known.update_rechecked = rechecked.or(known.update_rechecked);
        let again = rest.again.map(Timestamp::as_second);
        if rest.with_look {
            self.known().look_at = again;
        }
        let now = self.now();
        let put_off = self.known().look_at.filter(|at| *at > now);
        let again = again.into_iter().chain(put_off).min();
        again.map_or(PairNext::OnChange, |at| PairNext::At(at.max(now)))
    }
}
