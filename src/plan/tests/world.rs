//! A cloud, one object and a process, small enough to run thousands of histories. It acts as the controller does, step by step.

mod cloud;
pub(super) mod process;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::facts::content::Content;
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{Adoption, Deletion, Desired, OtherOwner, Policies, SignKeyState};
use crate::terms::failure::Failure;

pub(super) const SETTLE: i64 = 30;
/// How often the whole inventory is compared.
pub(super) const SWEEP: i64 = 600;
const URLS: [&str; 4] = [
    "https://a.example.com/",
    "https://b.example.com/",
    "https://c.example.com/",
    "https://foreign.example.com/",
];
/// Where the credentials lead at first, another address of the same cloud, and that of another one, which holds nothing.
pub(super) const HOME: &str = "https://live.cn-north-4.myhuaweicloud.com";
pub(super) const ALIAS: &str = "https://live.alias.example.com";
pub(super) const STRANGE: &str = "https://live.strange.example.com";
/// A URL that no spec of these tests names.
pub(super) const FOREIGN: usize = 3;

/// What happens to the next change that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EffectFate {
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
pub(super) struct WorldRemote {
    pub(super) row: Row,
    /// Made by a POST of the operator; everything else is foreign.
    pub(super) posted: bool,
    pub(super) visible_at: i64,
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct PlanWorld {
    pub(super) now: i64,
    pub(super) rows: Vec<WorldRemote>,
    pub(super) unique: bool,
    pub(super) list_lag: i64,
    pub(super) fates: Vec<EffectFate>,
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
    update_rechecked: Option<Timestamp>,
    not_found: Option<Failure>,
    next_sweep: i64,
    look_at: Option<Timestamp>,
    pub(super) key: SignKeyState,
    pub(super) dependency_changed: bool,
    pub(super) other_owner: Option<OtherOwner>,
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

impl PlanWorld {
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
                content: content(0),
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
            update_rechecked: None,
            not_found: None,
            next_sweep: 1_800_000_000 + SWEEP,
            look_at: None,
            key: SignKeyState::Unwanted,
            dependency_changed: false,
            other_owner: None,
            endpoint: HOME.to_owned(),
            posts: 0,
            puts: 0,
            deletes: 0,
            looks: 0,
            writes: 0,
            wronged: Vec::new(),
        }
    }

    pub(super) fn edit(&mut self, url: usize) {
        self.spec.content = content(url);
        self.generation += 1;
    }

    pub(super) fn delete(&mut self) {
        if !self.deleting {
            self.deleting = true;
            self.generation += 1;
            self.gone = !self.finalizer;
        }
    }

    /// The credentials name this address from now on. To another cloud they lead only while something may lie at this one: else the
    /// callback is made there, as it should be.
    pub(super) fn go_by(&mut self, endpoint: &str) {
        if endpoint != STRANGE || self.home().is_some() {
            endpoint.clone_into(&mut self.endpoint);
            self.dependency_changed = true;
        }
    }

    /// The address through which the callback was made, or may have been.
    fn home(&self) -> Option<String> {
        let named = self.status.target.as_ref();
        let named = named.filter(|_| self.status.callback_id.is_some());
        let closed = self.status.closed_operation.as_deref();
        let record = self.annotation.as_ref().or(self.known.as_ref());
        let record = record.filter(|it| it.is_open(closed) || it.has_several_attempts());
        let attempted = || record.map(|record| record.target.endpoint.clone());
        named.map(|named| named.endpoint.clone()).or_else(attempted)
    }

    /// `kubectl replace`: the process sees it at once, and has seen what was there. That it dies in the same moment is beyond help.
    pub(super) fn wipe(&mut self) {
        if !self.deleting {
            let death = self.death.take();
            if self.known.is_none() && self.annotation.is_some() {
                self.run(0);
            }
            self.finalizer = false;
            self.annotation = None;
            self.run(0);
            self.death = death;
        }
    }

    /// Somebody else makes a row. One that says what an attempt says, and shows only after it, can't be told from ours: that is
    /// beyond help, so here it does not happen.
    pub(super) fn add_foreign(&mut self, url: usize) {
        let taken = self.unique && !self.rows.is_empty();
        let claims = |record: &Record| {
            record.has_several_attempts() || record.is_open(self.status.closed_operation.as_deref())
        };
        let late = self.list_lag > 0 || self.annotation.as_ref().is_some_and(claims);
        let alike = url != FOREIGN && late;
        if !taken && !alike {
            self.insert(&content(url), false);
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
                self.update_rechecked = None;
                self.look_at = None;
                self.not_found = None;
                Some(0)
            });
            // Only what was asked for, and the sweep, bring the process back.
            let until = self.next_sweep.min(end + 1) - self.now;
            self.now += wait.unwrap_or(until).min(until).max(1);
        }
        self.now = self.now.max(end);
        self.commit_late();
    }

    pub(super) fn moment(&self) -> Timestamp {
        moment(self.now)
    }

    /// Nothing more is under way: later than everything that may still happen.
    pub(super) fn quiet(&mut self) {
        self.fates.clear();
        self.death = None;
        self.list_lag = 0;
        // Whatever another address has led to: who gives back the one that the condition names is helped.
        self.run(60);
        if let Some(home) = self.home() {
            self.go_by(&home);
        }
        let last = later(self.moment(), Duration::from_mins(30));
        self.run(last.as_second() - self.now);
    }

    pub(super) fn retain(&mut self) {
        self.policies.deletion = Some(Deletion::Retain);
        self.generation += 1;
    }
}

pub(super) fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn content(url: usize) -> Content {
    Content {
        url: Some(URLS[url % URLS.len()].to_owned()),
        events: std::iter::once("RECORD_FILE_COMPLETE".to_owned()).collect(),
        sign_type: "HMACSHA256".to_owned(),
    }
}
