//! What passes between the operator and its two servers, counted by project and identity; and what befalls single identities.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use http::Method;

use super::fleet::{self, IDENTITIES, PROJECTS};
use crate::controller::tests::trouble::{
    CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, TroubledAnswer, reply,
};

/// What was counted so far.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(super) struct TrafficCount {
    /// Calls of each identity.
    pub(super) calls: Vec<usize>,
    /// Calls of each identity that the cloud answered with 429.
    pub(super) throttled: Vec<usize>,
    /// POSTs, PUTs and DELETEs of each project.
    pub(super) changes: Vec<usize>,
    /// Lists of each project, page by page.
    pub(super) lists: Vec<usize>,
    /// How often a list of each project was begun.
    pub(super) sweeps: Vec<usize>,
    /// The pages of the list of each project that is under way, or was the last.
    pages: Vec<usize>,
    /// The pages of the longest one since that was last forgotten.
    pub(super) longest: Vec<usize>,
    /// Writes on the objects of each project.
    pub(super) writes: Vec<usize>,
}

/// The identities that something befalls now.
#[derive(Default)]
pub(super) struct Befallen {
    pub(super) throttled: BTreeSet<usize>,
    pub(super) silent: BTreeSet<usize>,
}

#[derive(Default)]
struct TrafficState {
    count: TrafficCount,
    befallen: Befallen,
    /// How many calls its identity had made when an edit was, and made until its PUT, by the id of the callback.
    edits: HashMap<String, (usize, Option<usize>)>,
}

/// Sees every call.
pub(super) struct TrafficMeter(Mutex<TrafficState>);

impl TrafficMeter {
    pub(super) fn new() -> Self {
        let mut state = TrafficState::default();
        let count = &mut state.count;
        for identities in [&mut count.calls, &mut count.throttled] {
            *identities = vec![0; IDENTITIES];
        }
        for projects in [
            &mut count.changes,
            &mut count.lists,
            &mut count.sweeps,
            &mut count.pages,
            &mut count.longest,
            &mut count.writes,
        ] {
            *projects = vec![0; PROJECTS];
        }
        Self(Mutex::new(state))
    }

    pub(super) fn count(&self) -> TrafficCount {
        self.0.lock().unwrap().count.clone()
    }

    /// From here on the lists of sweeps are measured.
    pub(super) fn measure_lists(&self) {
        let mut state = self.0.lock().unwrap();
        state.count.pages.fill(0);
        state.count.longest.fill(0);
    }

    /// Changes what befalls whom from now on.
    pub(super) fn befalls(&self, change: impl FnOnce(&mut Befallen)) {
        change(&mut self.0.lock().unwrap().befallen);
    }

    /// Somebody edits the object of this callback now.
    pub(super) fn edited(&self, identity: usize, id: &str) {
        let mut state = self.0.lock().unwrap();
        let calls = state.count.calls[identity];
        state.edits.insert(id.to_owned(), (calls, None));
    }

    /// How many other calls its identity made before the PUT of each edit.
    pub(super) fn waited(&self) -> Vec<Option<usize>> {
        let state = self.0.lock().unwrap();
        state.edits.values().map(|(_, waited)| *waited).collect()
    }
}

impl Troubled for TrafficMeter {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        if call.verb.writes()
            && let Some(project) = fleet::of_namespace(&call.namespace)
        {
            self.0.lock().unwrap().count.writes[project] += 1;
        }
        CallFate::Served
    }

    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let Some(project) = fleet::named_by(&call.url) else {
            return CloudCallFate::default();
        };
        let identity = fleet::identity(project);
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        if call.method == Method::GET && call.id.is_none() {
            state.count.lists[project] += 1;
            let is_first = call.domain.is_none() && call.url.contains("offset=0");
            let count = &mut state.count;
            count.sweeps[project] += usize::from(is_first);
            count.pages[project] = if is_first {
                1
            } else {
                count.pages[project] + 1
            };
            count.longest[project] = count.longest[project].max(count.pages[project]);
        } else if call.method != Method::GET {
            state.count.changes[project] += 1;
        }
        if call.method == Method::PUT
            && let Some((before, waited)) = call.id.as_ref().and_then(|id| state.edits.get_mut(id))
        {
            waited.get_or_insert(state.count.calls[identity] - *before);
        }
        state.count.calls[identity] += 1;
        if state.befallen.throttled.contains(&identity) {
            state.count.throttled[identity] += 1;
            let answer = r#"{"error_code":"APIG.0308","error_msg":"The throttling threshold has been reached"}"#;
            return befalls(TroubledAnswer::Reply(reply(429, answer)));
        }
        if state.befallen.silent.contains(&identity) {
            return befalls(TroubledAnswer::Silent);
        }
        CloudCallFate::default()
    }
}

/// An answer in place of the true one; nothing is carried out.
fn befalls(answer: TroubledAnswer) -> CloudCallFate {
    CloudCallFate {
        carried_out: false,
        answer,
        ..CloudCallFate::default()
    }
}
