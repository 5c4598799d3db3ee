//! The process: one reconcile at a time, step by step as the controller does it, and dead wherever the test says.

use super::{Dead, Death, EffectFate, PlanWorld, SETTLE, STRANGE, SWEEP};
use crate::api::status::Status;
use crate::plan::facts::operation_log;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::{
    CloudAccess, CrdPresence, Facts, GetResult, LostUpdate, ObjectFacts, Observed, PlanSettings,
    Rewrites, SignKeyState,
};
use crate::plan::outcome;
use crate::plan::outcome::Receipt;
use crate::plan::outcome::release;
use crate::plan::step::decide::decide;
use crate::plan::step::{Step, settled};
use crate::terms::failure::{Class, Failure, Operation};
use crate::terms::target::Target;
use std::collections::BTreeSet;
use std::time::Duration;

impl PlanWorld {
    /// One reconcile. Gives the seconds until the next; `None` when only a change matters.
    #[allow(
        clippy::too_many_lines,
        reason = "one arm per step, in the order of the steps"
    )]
    pub(super) fn reconcile(&mut self) -> Result<Option<i64>, Dead> {
        let mut facts = self.facts();
        if self.now >= self.next_sweep {
            self.next_sweep = self.now + SWEEP;
            if facts.id().is_some() {
                facts.observed = Observed::seen(facts.now, self.list(), true);
            }
        }
        for _ in 0..40 {
            let step = decide(&facts);
            match step {
                Step::ReadSecrets => {
                    facts.access = CloudAccess::Usable(self.target());
                    facts.key = self.key.clone();
                }
                Step::Look(look) => {
                    assert!(
                        look.not_before <= facts.now,
                        "a look can't begin in the future"
                    );
                    self.looks += 1;
                    self.look_at = None;
                    facts.observed = Observed::seen(facts.now, self.list(), true);
                    let newest = facts
                        .record
                        .as_ref()
                        .and_then(|r| r.newest())
                        .map(|newest| newest.id.clone());
                    if settled::recheck_at(&facts).is_some_and(|due| facts.observed.since(due)) {
                        self.rechecked = newest;
                        facts.rechecked = true;
                    }
                }
                Step::GetById => {
                    let id = facts.id().unwrap_or_default().to_owned();
                    let is_home = self.endpoint != STRANGE;
                    let mut rows = self.rows.iter().filter(|_| is_home);
                    let row = rows.find(|remote| remote.row.id == id);
                    facts.get_result =
                        row.map_or(GetResult::Gone, |remote| GetResult::Row(remote.row.clone()));
                }
                Step::ReadCrd => facts.crd = CrdPresence::Stays,
                Step::AddFinalizer => {
                    self.effect(|world| {
                        world.finalizer = true;
                        if world.annotation.is_none() {
                            world.annotation.clone_from(&facts.record);
                        }
                        world.writes += 1;
                    })?;
                    return Ok(Some(0));
                }
                Step::RemoveFinalizer => {
                    self.effect(|world| world.finalizer = false)?;
                    return Ok(Some(0));
                }
                Step::Create => return self.create(&mut facts).map(|()| Some(0)),
                Step::Update { id, .. } => return self.update(&facts, &id),
                Step::Delete { id } => {
                    self.effect(|world| world.remove(&id))?;
                    self.deleted.insert(id.clone());
                    facts.deleted.insert(id);
                    facts.observed = Observed::Unasked;
                    if !self.deleting {
                        let receipt = self.receipt_of(None);
                        self.write(outcome::after_delete(&facts, receipt))?;
                        return Ok(Some(0));
                    }
                }
                Step::Claim(row) => {
                    let record = facts.record.clone().unwrap();
                    self.write(outcome::after_claim(&facts, &self.spec, &record, &row))?;
                    return Ok(Some(0));
                }
                Step::Adopt(row) => {
                    self.effect(|world| world.finalizer = true)?;
                    self.write(outcome::after_adoption(&facts, &self.spec, &row))?;
                    return Ok(Some(0));
                }
                Step::Disown { .. } => {
                    self.write(release::after_disown(&facts))?;
                    return Ok(Some(0));
                }
                Step::Release { .. } => {
                    self.effect(|world| {
                        world.finalizer = false;
                        world.gone = true;
                    })?;
                    return Ok(None);
                }
                Step::ReportFailure(failure) => {
                    let (status, again) = outcome::after_failure(&facts, &failure, None, facts.now);
                    self.write(status)?;
                    return Ok(Some(again.duration_since(facts.now).as_secs()));
                }
                Step::ReportSweepFailure(failure) => {
                    self.write(outcome::after_sweep_failure(&facts, &failure, None))?;
                    return Ok(None);
                }
                Step::Requeue(rest) => {
                    if rest.with_look {
                        self.look_at = rest.again;
                    }
                    self.write(outcome::after_requeue(&facts, &rest))?;
                    let rechecked = settled::rechecked_update(&facts, &rest);
                    self.update_rechecked = rechecked.or(self.update_rechecked);
                    return Ok(rest
                        .again
                        .map(|again| again.duration_since(facts.now).as_secs()));
                }
            }
        }
        panic!("the decisions go round in circles: {facts:#?}");
    }

    pub(super) fn create(&mut self, facts: &mut Facts) -> Result<(), Dead> {
        let digest = facts.key.digest().map(str::to_owned);
        let attempt = Attempt::new(
            format!("attempt-{}", self.posts),
            facts.now,
            &self.spec.content,
            digest,
        );
        let record = match facts.open_record() {
            Some(open) => Record {
                target: self.target(),
                ..open.clone().appended(attempt.clone())
            },
            None => Record::new("uid", &self.target(), attempt.clone()),
        };
        self.effect(|world| {
            world.finalizer = true;
            world.annotation = Some(record.clone());
            world.writes += 1;
        })?;
        facts.record = Some(record.clone());
        self.known = Some(record);
        self.posts += 1;
        let fate = self.fates.pop();
        let mut made = None;
        self.effect(|world| made = world.post(fate))?;
        let status = match (fate, made) {
            (None, Some(Ok(row))) => {
                let receipt = self.receipt_of(Some(201));
                outcome::after_create(facts, &self.spec, &attempt, &row, receipt)
            }
            (_, Some(Err(class))) => {
                outcome::after_failure(facts, &failure(class), None, facts.now).0
            }
            (_, _) => outcome::after_failure(facts, &failure(Class::CloudDown), None, facts.now).0,
        };
        self.write(status)
    }

    pub(super) fn update(&mut self, facts: &Facts, id: &str) -> Result<Option<i64>, Dead> {
        assert_ne!(self.endpoint, STRANGE, "what lies there is nobody's");
        self.puts += 1;
        let fate = self.fates.pop();
        let wanted = self.spec.content.clone();
        let mut found = None;
        self.effect(|world| {
            let now = world.moment();
            let row = world.rows.iter_mut().find(|remote| remote.row.id == id);
            found = row
                .filter(|_| fate != Some(EffectFate::Lost) && fate != Some(EffectFate::Refused))
                .map(|remote| {
                    remote.row.content.url = wanted.url.clone().map(Into::into);
                    remote.row.update_time = Some(now);
                    remote.row.clone()
                });
        })?;
        let exists = self.rows.iter().any(|remote| remote.row.id == id);
        match (fate, found) {
            (None | Some(EffectFate::Empty), Some(row)) => {
                let receipt = self.receipt_of(Some(200));
                self.write(outcome::after_update(
                    facts,
                    &self.spec,
                    Some(&row),
                    receipt,
                ))?;
                Ok(Some(0))
            }
            _ if !exists => {
                self.not_found = Some(update_of_gone());
                Ok(Some(0))
            }
            (fate, _) => {
                let class = if fate == Some(EffectFate::Refused) {
                    Class::Rejected
                } else {
                    Class::CloudDown
                };
                let failure = Failure {
                    operation: Operation::Update,
                    ..failure(class)
                };
                let (status, again) = outcome::after_failure(facts, &failure, None, facts.now);
                self.write(status)?;
                Ok(Some(again.duration_since(facts.now).as_secs()))
            }
        }
    }

    pub(super) fn write(&mut self, status: Status) -> Result<(), Dead> {
        if status == self.status {
            return Ok(());
        }
        self.effect(|world| {
            world.status = status;
            world.writes += 1;
        })
    }

    /// An effect on the cloud or the object, before or after which the process may die.
    pub(super) fn effect(&mut self, act: impl FnOnce(&mut Self)) -> Result<(), Dead> {
        let Some(death) = self.death else {
            act(self);
            return Ok(());
        };
        if death.effects > 0 {
            self.death = Some(Death {
                effects: death.effects - 1,
                ..death
            });
            act(self);
            return Ok(());
        }
        self.death = None;
        if death.after {
            act(self);
        }
        Err(Dead)
    }

    pub(in crate::plan::tests) fn facts(&mut self) -> Facts {
        if self.annotation.is_some() {
            self.known.clone_from(&self.annotation);
        }
        let record = self.known.clone();
        let newest = record
            .as_ref()
            .and_then(|r| r.newest())
            .map(|newest| newest.id.clone());
        Facts {
            now: self.moment(),
            settings: PlanSettings {
                settle_time: Duration::from_secs(u64::try_from(SETTLE).unwrap()),
                stall_after: Duration::from_mins(10),
                read_only: false,
            },
            object: ObjectFacts {
                uid: "uid".to_owned(),
                namespace: "media".to_owned(),
                name: "push".to_owned(),
                generation: self.generation,
                finalizer: self.finalizer,
                has_record: self.annotation.is_some(),
                deleting: self.deleting,
                held_by: Vec::new(),
                requested: self.requested.clone(),
            },
            policies: self.policies,
            place: self.spec.place.clone(),
            desired: Ok(self.spec.clone()),
            last_write: operation_log::last_write(&self.status),
            wrote: None,
            lost_update: LostUpdate {
                given_up: None,
                rechecked: self.update_rechecked,
            },
            next_attempt: self.status.next_attempt_time,
            status: self.status.clone(),
            record_first_seen: self.moment(),
            posted_here: false,
            released: false,
            rechecked: newest.is_some() && self.rechecked == newest,
            record,
            look_due: self.look_at.is_some_and(|at| at <= self.moment()),
            dependency_changed: std::mem::take(&mut self.dependency_changed),
            access: CloudAccess::Unread,
            credential: None,
            key: SignKeyState::Unread,
            key_in_doubt: false,
            account_has_seen: true,
            is_hearsay: false,
            other_owner: self.other_owner.clone(),
            knows_all: true,
            claimed_elsewhere: BTreeSet::new(),
            deleted: self.deleted.clone(),
            crd: CrdPresence::Unread,
            observed: Observed::Unasked,
            get_result: GetResult::Unasked,
            not_found: self.not_found.take(),
            baseline: None,
            rewrites: Rewrites::default(),
            sweep_failure: None,
            queued: false,
        }
    }

    pub(in crate::plan::tests) fn target(&self) -> Target {
        Target {
            region: "cn-north-4".to_owned(),
            project_id: "0123456789abcdef0123456789abcdef".to_owned(),
            endpoint: self.endpoint.clone(),
        }
    }

    pub(super) fn receipt_of(&self, http_status: Option<u16>) -> Receipt {
        Receipt {
            http_status,
            request_id: Some("request-id".to_owned()),
            at: self.moment(),
        }
    }
}

/// An update that was answered as if its callback were gone.
pub(in crate::plan::tests) fn update_of_gone() -> Failure {
    Failure {
        operation: Operation::Update,
        ..failure(Class::Gone)
    }
}

pub(in crate::plan::tests) fn failure(class: Class) -> Failure {
    Failure {
        operation: Operation::Create,
        class,
        http_status: None,
        code: None,
        message: "as the test has it".to_owned(),
        request_id: None,
        retry_after: None,
        had_no_room: false,
        before_sending: false,
    }
}
