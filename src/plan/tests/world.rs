//! A cloud, one object and a process, small enough to run thousands of histories. It acts as the controller does, step by step.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::decide::{Step, decide};
use crate::plan::facts::{
    Access, Adoption, Definition, Deletion, Desired, Facts, Key, Object, Observed, Policies,
    Rewrites, Settings, Shown, later,
};
use crate::plan::failure::{Class, Failure, Operation};
use crate::plan::outcome::{self, Told};
use crate::plan::place::{Place, Target, Values};
use crate::plan::record::{Attempt, Record};
use crate::plan::row::Row;
use crate::plan::unseen;

pub(super) const SETTLE: i64 = 30;
/// How often the whole inventory is compared.
const SWEEP: i64 = 600;
const URLS: [&str; 4] = [
    "https://a.example.com/",
    "https://b.example.com/",
    "https://c.example.com/",
    "https://foreign.example.com/",
];
/// A URL that no spec of these tests names.
pub(super) const FOREIGN: usize = 3;

/// What happens to the next change that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    ReplyLost,
    /// It is carried out so many seconds after its client gave up.
    Late(i64),
    Empty,
    Refused,
    Throttled,
}

/// Where the process dies: before its n-th effect from now, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) effects: usize,
    pub(super) after: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) row: Row,
    /// Made by a POST of the operator; everything else is foreign.
    pub(super) posted: bool,
    pub(super) visible_at: i64,
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) rows: Vec<Remote>,
    pub(super) unique: bool,
    pub(super) list_lag: i64,
    pub(super) fates: Vec<Fate>,
    pub(super) death: Option<Death>,
    late: Vec<(i64, Row)>,
    next_id: usize,
    pub(super) spec: Desired,
    pub(super) generation: i64,
    pub(super) policies: Policies,
    pub(super) finalizer: bool,
    pub(super) annotation: Option<Record>,
    pub(super) deleting: bool,
    pub(super) gone: bool,
    pub(super) status: Status,
    pub(super) requested: Option<String>,
    /// The newest record that the process knows of.
    known: Option<Record>,
    deleted: BTreeSet<String>,
    rechecked: Option<String>,
    shown: Shown,
    next_sweep: i64,
    look_at: Option<Timestamp>,
    pub(super) key: Key,
    pub(super) nudged: bool,
    pub(super) endpoint: String,
    pub(super) posts: usize,
    pub(super) puts: usize,
    pub(super) deletes: usize,
    pub(super) looks: usize,
    pub(super) writes: usize,
    /// Foreign rows that the operator deleted: there must be none, save adopted ones whose policy says so.
    pub(super) wronged: Vec<Row>,
}

/// The process died.
struct Dead;

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: 1_800_000_000,
            rows: Vec::new(),
            unique: true,
            list_lag: 0,
            fates: Vec::new(),
            death: None,
            late: Vec::new(),
            next_id: 0,
            spec: Desired {
                place: Place::new("push.example.com", "live"),
                values: values(0),
                wants_key: false,
                adoption: Adoption::IfIdentical,
            },
            generation: 1,
            policies: Policies::default(),
            finalizer: false,
            annotation: None,
            deleting: false,
            gone: false,
            status: Status {
                observed_generation: Some(-1),
                ..Status::default()
            },
            requested: None,
            known: None,
            deleted: BTreeSet::new(),
            rechecked: None,
            shown: Shown::Unasked,
            next_sweep: 1_800_000_000 + SWEEP,
            look_at: None,
            key: Key::Unwanted,
            nudged: false,
            endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
            posts: 0,
            puts: 0,
            deletes: 0,
            looks: 0,
            writes: 0,
            wronged: Vec::new(),
        }
    }

    pub(super) fn edit(&mut self, url: usize) {
        self.spec.values = values(url);
        self.generation += 1;
    }

    pub(super) fn delete(&mut self) {
        if !self.deleting {
            self.deleting = true;
            self.generation += 1;
            self.gone = !self.finalizer;
        }
    }

    /// `kubectl replace`: the process sees it at once. That it dies in the same moment is beyond help.
    pub(super) fn wipe(&mut self) {
        if !self.deleting {
            self.finalizer = false;
            self.annotation = None;
            let death = self.death.take();
            self.run(0);
            self.death = death;
        }
    }

    /// Somebody else makes a row. One that says what an attempt said while its record claims rows can't be told from ours:
    /// that is beyond help, so here it does not happen.
    pub(super) fn add_foreign(&mut self, url: usize) {
        let taken = self.unique && !self.rows.is_empty();
        let claims = |record: &Record| {
            record.has_several() || record.is_open(self.status.closed_operation.as_deref())
        };
        let alike = url != FOREIGN && self.annotation.as_ref().is_some_and(claims);
        if !taken && !alike {
            self.insert(&values(url), false);
        }
    }

    /// The rows that the operator made.
    pub(super) fn ours(&self) -> Vec<&Row> {
        self.rows
            .iter()
            .filter(|remote| remote.posted)
            .map(|remote| &remote.row)
            .collect()
    }

    /// Reconciles for so many seconds, as often as the decisions ask to come back. A process that dies starts again.
    pub(super) fn run(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while self.now <= end && !self.gone {
            self.commit_late();
            let wait = self.reconcile().unwrap_or_else(|Dead| {
                self.known = None;
                self.deleted.clear();
                self.rechecked = None;
                self.look_at = None;
                self.shown = Shown::Unasked;
                Some(0)
            });
            self.now += wait.unwrap_or(60).clamp(1, 60);
        }
        self.now = self.now.max(end);
        self.commit_late();
    }

    /// One reconcile. Gives the seconds until the next; `None` when only a change matters.
    #[allow(
        clippy::too_many_lines,
        reason = "one arm per step, in the order of the steps"
    )]
    fn reconcile(&mut self) -> Result<Option<i64>, Dead> {
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
                Step::Access => {
                    facts.access = Access::Usable(self.target());
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
                    if crate::plan::manage::recheck_at(&facts)
                        .is_some_and(|due| facts.observed.since(due))
                    {
                        self.rechecked = newest;
                        facts.rechecked = true;
                    }
                }
                Step::Show => {
                    let id = facts.id().unwrap_or_default().to_owned();
                    let row = self.rows.iter().find(|remote| remote.row.id == id);
                    facts.shown = row.map_or(Shown::Gone, |remote| Shown::Row(remote.row.clone()));
                }
                Step::Definition => facts.definition = Definition::Stays,
                Step::Protect => {
                    self.effect(|world| {
                        world.finalizer = true;
                        if world.annotation.is_none() {
                            world.annotation.clone_from(&facts.record);
                        }
                        world.writes += 1;
                    })?;
                    return Ok(Some(0));
                }
                Step::Unprotect => {
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
                        let told = self.told(None);
                        self.write(outcome::deleted(&facts, told))?;
                        return Ok(Some(0));
                    }
                }
                Step::Claim(row) => {
                    let record = facts.record.clone().unwrap();
                    let attempt = record
                        .author_of(&row)
                        .or_else(|| record.newest())
                        .unwrap()
                        .clone();
                    let told = self.told(None);
                    self.write(outcome::created(&facts, &self.spec, &attempt, &row, told))?;
                    return Ok(Some(0));
                }
                Step::Adopt(row) => {
                    self.effect(|world| world.finalizer = true)?;
                    self.write(outcome::adopted(&facts, &self.spec, &row))?;
                    return Ok(Some(0));
                }
                Step::Release { .. } => {
                    self.effect(|world| {
                        world.finalizer = false;
                        world.gone = true;
                    })?;
                    return Ok(None);
                }
                Step::Failed(failure) => {
                    let (status, again) = outcome::failed(&facts, &failure, None, facts.now);
                    self.write(status)?;
                    return Ok(Some(again.duration_since(facts.now).as_secs()));
                }
                Step::Unseen(failure) => {
                    self.write(unseen::told(&facts, &failure, None))?;
                    return Ok(None);
                }
                Step::Rest(rest) => {
                    if rest.look_again {
                        self.look_at = rest.again;
                    }
                    self.write(outcome::rested(&facts, &rest))?;
                    return Ok(rest
                        .again
                        .map(|again| again.duration_since(facts.now).as_secs()));
                }
            }
        }
        panic!("the decisions go round in circles: {facts:#?}");
    }

    fn create(&mut self, facts: &mut Facts) -> Result<(), Dead> {
        let digest = match &facts.key {
            Key::Digest(digest) => Some(digest.clone()),
            Key::Unread | Key::Unwanted | Key::Missing(_) | Key::Invalid(_) => None,
        };
        let attempt = Attempt::new(
            format!("attempt-{}", self.posts),
            facts.now,
            &self.spec.values,
            digest,
        );
        let record = match facts.open_record() {
            Some(open) => open.clone().appended(attempt.clone()),
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
                let told = self.told(Some(201));
                outcome::created(facts, &self.spec, &attempt, &row, told)
            }
            (_, Some(Err(class))) => outcome::failed(facts, &failure(class), None, facts.now).0,
            (_, _) => outcome::failed(facts, &failure(Class::CloudDown), None, facts.now).0,
        };
        self.write(status)
    }

    fn update(&mut self, facts: &Facts, id: &str) -> Result<Option<i64>, Dead> {
        self.puts += 1;
        let fate = self.fates.pop();
        let wanted = self.spec.values.clone();
        let mut found = None;
        self.effect(|world| {
            let now = world.moment();
            let row = world.rows.iter_mut().find(|remote| remote.row.id == id);
            found = row
                .filter(|_| fate != Some(Fate::Lost) && fate != Some(Fate::Refused))
                .map(|remote| {
                    remote.row.url.clone_from(&wanted.url);
                    remote.row.update_time = Some(now);
                    remote.row.clone()
                });
        })?;
        let exists = self.rows.iter().any(|remote| remote.row.id == id);
        match (fate, found) {
            (None | Some(Fate::Empty), Some(row)) => {
                let told = self.told(Some(200));
                self.write(outcome::updated(facts, &self.spec, Some(&row), told))?;
                Ok(Some(0))
            }
            _ if !exists => {
                self.shown = Shown::Gone;
                Ok(Some(0))
            }
            (fate, _) => {
                let class = if fate == Some(Fate::Refused) {
                    Class::Rejected
                } else {
                    Class::CloudDown
                };
                let failure = Failure {
                    operation: Operation::Update,
                    ..failure(class)
                };
                let (status, again) = outcome::failed(facts, &failure, None, facts.now);
                self.write(status)?;
                Ok(Some(again.duration_since(facts.now).as_secs()))
            }
        }
    }

    /// Carries a POST out as fate has it.
    fn post(&mut self, fate: Option<Fate>) -> Option<Result<Row, Class>> {
        match fate {
            Some(Fate::Refused) => return Some(Err(Class::Rejected)),
            Some(Fate::Throttled) => return Some(Err(Class::Throttled)),
            Some(Fate::Lost) => return None,
            _ if self.unique && !self.rows.is_empty() => return Some(Err(Class::Exists)),
            Some(Fate::Late(seconds)) => {
                let row = self.row(&self.spec.values.clone());
                self.late.push((self.now + seconds, row));
                return None;
            }
            None | Some(Fate::ReplyLost | Fate::Empty) => {}
        }
        let row = self.insert(&self.spec.values.clone(), true);
        (fate.is_none()).then_some(Ok(row))
    }

    fn remove(&mut self, id: &str) {
        self.deletes += 1;
        let adopted =
            self.status.adopted == Some(true) && self.status.callback_id.as_deref() == Some(id);
        if let Some(at) = self.rows.iter().position(|remote| remote.row.id == id) {
            let remote = self.rows.remove(at);
            if !remote.posted && !adopted {
                self.wronged.push(remote.row);
            }
        }
    }

    fn insert(&mut self, values: &Values, posted: bool) -> Row {
        let row = self.row(values);
        self.rows.push(Remote {
            row: row.clone(),
            posted,
            visible_at: self.now + self.list_lag,
        });
        row
    }

    fn row(&mut self, values: &Values) -> Row {
        self.next_id += 1;
        Row {
            id: format!("row-{}", self.next_id),
            place: self.spec.place.clone(),
            url: values.url.clone(),
            events: Some(values.events.clone()),
            sign_type: Some(values.sign_type.clone()),
            create_time: Some(self.moment()),
            update_time: Some(self.moment()),
        }
    }

    /// Carries out what was late. Where places are unique it finds its place taken.
    fn commit_late(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.late = later;
        for (at, mut row) in due {
            if self.unique && !self.rows.is_empty() {
                continue;
            }
            let made = Timestamp::from_second(at).unwrap();
            (row.create_time, row.update_time) = (Some(made), Some(made));
            self.rows.push(Remote {
                row,
                posted: true,
                visible_at: at + self.list_lag,
            });
        }
    }

    fn list(&self) -> Vec<Row> {
        self.rows
            .iter()
            .filter(|remote| remote.visible_at <= self.now)
            .map(|remote| remote.row.clone())
            .collect()
    }

    fn write(&mut self, status: Status) -> Result<(), Dead> {
        if status == self.status {
            return Ok(());
        }
        self.effect(|world| {
            world.status = status;
            world.writes += 1;
        })
    }

    /// An effect on the cloud or the object, before or after which the process may die.
    fn effect(&mut self, act: impl FnOnce(&mut Self)) -> Result<(), Dead> {
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

    pub(super) fn facts(&mut self) -> Facts {
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
            settings: Settings {
                settle_time: Duration::from_secs(u64::try_from(SETTLE).unwrap()),
                stall_after: Duration::from_mins(10),
                read_only: false,
            },
            object: Object {
                uid: "uid".to_owned(),
                namespace: "media".to_owned(),
                name: "push".to_owned(),
                generation: self.generation,
                finalizer: self.finalizer,
                annotated: self.annotation.is_some(),
                deleting: self.deleting,
                requested: self.requested.clone(),
            },
            policies: self.policies,
            desired: Ok(self.spec.clone()),
            status: self.status.clone(),
            record_seen: self.moment(),
            rechecked: newest.is_some() && self.rechecked == newest,
            record,
            look_due: self.look_at.is_some_and(|at| at <= self.moment()),
            nudged: std::mem::take(&mut self.nudged),
            access: Access::Unread,
            credential: None,
            key: Key::Unread,
            rival: None,
            claimed_elsewhere: BTreeSet::new(),
            deleted: self.deleted.clone(),
            definition: Definition::Unread,
            observed: Observed::Unasked,
            shown: std::mem::replace(&mut self.shown, Shown::Unasked),
            rewrites: Rewrites::default(),
            blind: None,
            queued: false,
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            region: "cn-north-4".to_owned(),
            project_id: "0123456789abcdef0123456789abcdef".to_owned(),
            endpoint: self.endpoint.clone(),
        }
    }

    fn told(&self, http_status: Option<u16>) -> Told {
        Told {
            http_status,
            request_id: Some("request-id".to_owned()),
            at: self.moment(),
        }
    }

    pub(super) fn moment(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    /// Nothing more is under way: later than everything that may still happen.
    pub(super) fn quiet(&mut self) {
        self.fates.clear();
        self.death = None;
        self.list_lag = 0;
        let last = later(self.moment(), Duration::from_mins(30));
        self.run(last.as_second() - self.now);
    }

    pub(super) fn retain(&mut self) {
        self.policies.deletion = Some(Deletion::Retain);
        self.generation += 1;
    }
}

fn values(url: usize) -> Values {
    Values {
        url: Some(URLS[url % URLS.len()].to_owned()),
        events: std::iter::once("RECORD_FILE_COMPLETE".to_owned()).collect(),
        sign_type: "HMACSHA256".to_owned(),
    }
}

fn failure(class: Class) -> Failure {
    Failure {
        operation: Operation::Create,
        class,
        http_status: None,
        code: None,
        message: "as the test has it".to_owned(),
        request_id: None,
        retry_after: None,
    }
}
