//! Who lies, by a seed: at the cloud and at the API server, for a while or all the time, and then no more.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::chance::SeededChance;
use super::lies::Lie;
use super::pages::UNKNOWING;
use super::trouble::{CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, Verb};

/// So many calls in one course are made by no program that waits between them.
const RUNAWAY: usize = 20_000;

/// The adversary of one course.
pub(super) struct Adversary {
    seed: u64,
    began: Instant,
    phases: Vec<AdversaryPhase>,
    over: AtomicBool,
    /// How many calls of each kind there were: what is drawn for one kind moves no other.
    counts: Mutex<HashMap<String, usize>>,
    calls: AtomicUsize,
    /// The domains of which something was told that contradicts what happened; empty for all.
    perjured: Mutex<BTreeSet<String>>,
    /// Only what an honest cloud in trouble may answer.
    honest: bool,
    /// Whether it lies for long.
    long: bool,
    /// Whether lists have many pages, which come late or break off, and all watches begin anew with one at any moment.
    relists: bool,
}

/// How it is for a while.
#[derive(Debug)]
pub(super) struct AdversaryPhase {
    pub(super) until: Duration,
    cloud: AtCloud,
    server: AtServer,
}

#[derive(Debug)]
enum AtCloud {
    Peace,
    /// One lie in so many calls.
    Mixed(u64),
    /// This one, whenever something of this kind is asked.
    Constant(AdversaryKind, Lie),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum AdversaryKind {
    Post,
    Put,
    Delete,
    Get,
    List,
    Change,
    Any,
}

#[derive(Debug)]
enum AtServer {
    Peace,
    Mixed(u64),
    Constant(Verb, CallFate),
}

impl Adversary {
    /// The one of this seed. Its lies are over after the last phase.
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = SeededChance::of(seed, "phases", 0);
        let honest = chance.one_in(2);
        let long = chance.one_in(8);
        let longest = if long { 1_200 } else { 240 };
        let mut until = Duration::ZERO;
        let phases = (0..=chance.below(3))
            .map(|number| {
                until += Duration::from_secs(30 + chance.below(longest));
                let number = usize::try_from(number).unwrap();
                AdversaryPhase::any(&mut SeededChance::of(seed, "phase", number), until, honest)
            })
            .collect();
        Self {
            seed,
            began: Instant::now(),
            phases,
            over: AtomicBool::new(false),
            counts: Mutex::default(),
            calls: AtomicUsize::new(0),
            perjured: Mutex::default(),
            honest,
            long,
            relists: SeededChance::of(seed, "relists", 0).one_in(3),
        }
    }

    pub(super) fn phases(&self) -> &[AdversaryPhase] {
        &self.phases
    }

    /// How long it lies.
    pub(super) fn end(&self) -> Duration {
        self.phases
            .last()
            .map_or(Duration::ZERO, |phase| phase.until)
    }

    /// From now on only the truth is told.
    pub(super) fn finish(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_honest(&self) -> bool {
        self.honest
    }

    pub(super) fn is_long(&self) -> bool {
        self.long
    }

    pub(super) fn relists(&self) -> bool {
        self.relists
    }

    /// What becomes of a page of a list; nothing where that is as the phase has it.
    fn page(&self, call: &ServerCall) -> Option<CallFate> {
        let is_over = self.over.load(Ordering::SeqCst);
        if !self.relists || is_over || call.verb != Verb::List {
            return None;
        }
        let mut chance = self.chance("page");
        match chance.below(16) {
            0 => Some(CallFate::Refused(410, "Expired")),
            1..=6 => Some(CallFate::Late(Duration::from_secs(1 + chance.below(4)))),
            _ => None,
        }
    }

    /// Whether something of this domain was told that contradicts what happened.
    pub(super) fn has_perjured(&self, domain: &str) -> bool {
        let perjured = self.perjured.lock().unwrap();
        perjured.contains(domain) || perjured.contains("")
    }

    /// Whether the API server serves all calls, always.
    pub(super) fn leaves_the_server_alone(&self) -> bool {
        let peaceful = |phase: &AdversaryPhase| matches!(phase.server, AtServer::Peace);
        self.phases.iter().all(peaceful)
    }

    fn phase(&self) -> Option<&AdversaryPhase> {
        let age = self.began.elapsed();
        let is_over = self.over.load(Ordering::SeqCst);
        self.phases
            .iter()
            .find(|phase| !is_over && age < phase.until)
    }

    fn chance(&self, what: &str) -> SeededChance {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(what.to_owned()).or_default();
        *count += 1;
        SeededChance::of(self.seed, what, *count)
    }

    /// Fatal once there are so many calls that time may not go on any more.
    fn is_runaway(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) >= RUNAWAY
    }

    pub(super) fn ran_away(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > RUNAWAY
    }
}

impl AdversaryPhase {
    fn any(chance: &mut SeededChance, until: Duration, honest: bool) -> Self {
        let cloud = match chance.below(4) {
            0 => AtCloud::Peace,
            1 => AtCloud::Mixed(2 + chance.below(6)),
            _ => {
                let kind = *chance.pick(&[
                    AdversaryKind::Post,
                    AdversaryKind::Put,
                    AdversaryKind::Put,
                    AdversaryKind::Delete,
                    AdversaryKind::Get,
                    AdversaryKind::List,
                    AdversaryKind::Change,
                    AdversaryKind::Any,
                ]);
                AtCloud::Constant(kind, lie(chance, &kind.method(), honest))
            }
        };
        let server = match chance.below(4) {
            0 => AtServer::Mixed(3 + chance.below(20)),
            1 => {
                let verb = *chance.pick(&[
                    Verb::PatchStatus,
                    Verb::PatchStatus,
                    Verb::Patch,
                    Verb::Get,
                    Verb::ReadSecret,
                    Verb::ReadCrd,
                    Verb::Publish,
                ]);
                AtServer::Constant(verb, fate(chance, verb))
            }
            _ => AtServer::Peace,
        };
        Self {
            until,
            cloud,
            server,
        }
    }
}

impl AdversaryKind {
    fn of(call: &CloudCall) -> Self {
        match (&call.method, &call.id) {
            (&Method::POST, _) => Self::Post,
            (&Method::PUT, _) => Self::Put,
            (&Method::DELETE, _) => Self::Delete,
            (_, Some(_)) => Self::Get,
            (_, None) => Self::List,
        }
    }

    fn covers(self, other: Self) -> bool {
        match self {
            Self::Any => true,
            Self::Change => matches!(other, Self::Post | Self::Put | Self::Delete),
            Self::Post | Self::Put | Self::Delete | Self::Get | Self::List => self == other,
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Post | Self::Change | Self::Any => Method::POST,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
            Self::Get | Self::List => Method::GET,
        }
    }
}

fn lie(chance: &mut SeededChance, method: &Method, honest: bool) -> Lie {
    loop {
        let lie = Lie::any(chance);
        if !honest || !lie.is_perjury(method) {
            return lie;
        }
    }
}

fn fate(chance: &mut SeededChance, verb: Verb) -> CallFate {
    let carried_out = chance.one_in(2);
    // Lists and watches that are never answered are another matter than calls.
    let is_stream = matches!(verb, Verb::List | Verb::Watch);
    match chance.below(9) {
        0 | 1 => CallFate::Refused(500, "InternalError"),
        2 => CallFate::Refused(429, "TooManyRequests"),
        3 if verb.writes() => CallFate::Refused(409, "Conflict"),
        4 if verb.writes() => CallFate::Refused(422, "Invalid"),
        5 if verb.writes() => CallFate::Refused(422, "Schema"),
        6 if chance.one_in(2) => CallFate::Refused(404, chance.pick::<&str>(&UNKNOWING)),
        6 => CallFate::Refused(403, "Forbidden"),
        7 if !is_stream => CallFate::Silent { carried_out },
        8 => {
            let wait = Duration::from_secs(1 + chance.below(8));
            if carried_out {
                CallFate::Slow(wait)
            } else {
                CallFate::Late(wait)
            }
        }
        _ => CallFate::Broken { carried_out },
    }
}

impl Troubled for Adversary {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        if self.is_runaway() {
            return CallFate::Fatal { carried_out: false };
        }
        if let Some(fate) = self.page(call) {
            return fate;
        }
        match self.phase().map(|phase| &phase.server) {
            Some(AtServer::Constant(verb, fate)) if *verb == call.verb => fate.clone(),
            None | Some(AtServer::Peace | AtServer::Constant(..)) => CallFate::Served,
            Some(AtServer::Mixed(one_in)) => {
                let mut chance = self.chance(&format!("server {:?} {}", call.verb, call.name));
                if chance.one_in(*one_in) {
                    fate(&mut chance, call.verb)
                } else {
                    CallFate::Served
                }
            }
        }
    }

    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        if self.is_runaway() {
            return CloudCallFate {
                answer: super::trouble::TroubledAnswer::Fatal,
                ..CloudCallFate::default()
            };
        }
        let kind = AdversaryKind::of(call);
        let honest = self.honest || call.is_login;
        let lie = match self.phase().map(|phase| &phase.cloud) {
            Some(AtCloud::Constant(constant, lie)) if constant.covers(kind) => lie.clone(),
            Some(AtCloud::Mixed(one_in)) => {
                let whose = call.domain.as_deref().unwrap_or_default();
                let mut chance = self.chance(&format!("cloud {kind:?} {whose}"));
                if !chance.one_in(*one_in) {
                    return CloudCallFate::default();
                }
                lie(&mut chance, &call.method, honest)
            }
            None | Some(AtCloud::Peace | AtCloud::Constant(..)) => return CloudCallFate::default(),
        };
        if lie.is_perjury(&call.method) {
            if honest {
                return CloudCallFate::default();
            }
            let domain = call.domain.clone().unwrap_or_default();
            self.perjured.lock().unwrap().insert(domain);
        }
        CloudCallFate {
            note: format!("({lie:?})"),
            ..lie.fate(call)
        }
    }
}
