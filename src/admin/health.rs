//! What is known of the process's health: told by its parts, read by the probes. Judges only by the ages of what it was told.

mod vital;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;
use vital::WatchVitals;
pub use vital::{WATCH_LIMIT, WatchTrouble};

/// How old the newest beat of the main loop may be.
pub const BEAT_LIMIT: Duration = Duration::from_mins(1);

/// One thing that must be well for the process to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The Lease can be read and written.
    Lease,
    /// The CRD can be read and has a version we know.
    Crd,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Crd => "crd",
        }
    }
}

/// How the watch of a namespace stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchState {
    /// The namespace; empty for every one.
    pub namespace: String,
    /// Whether its objects were listed, and its watch is alive.
    pub is_up: bool,
    /// What is wrong, be it that it does not count yet.
    pub trouble: Option<String>,
}

/// The state of the process, shared by all its parts.
#[derive(Debug)]
pub struct Health(Mutex<HealthState>);

#[derive(Debug)]
struct HealthState {
    beat: Instant,
    is_standby: bool,
    lease: Result<(), String>,
    crd: Result<(), String>,
    /// By namespace; the empty name stands for every one.
    watches: BTreeMap<String, WatchVitals>,
}

impl Health {
    /// Alive, and nothing known yet. Of every namespace, where none is named.
    pub fn new(namespaces: &[String]) -> Self {
        let unknown = |text: &str| Err(text.to_owned());
        let all = [String::new()];
        let named = if namespaces.is_empty() {
            &all
        } else {
            namespaces
        };
        let watches = named
            .iter()
            .map(|name| (name.clone(), WatchVitals::default()));
        Self(Mutex::new(HealthState {
            beat: Instant::now(),
            is_standby: false,
            lease: unknown("not read yet"),
            crd: unknown("not read yet"),
            watches: watches.collect(),
        }))
    }

    /// Tells how a check stands: well, or what is wrong and what to do about it.
    pub fn set(&self, check: Check, result: Result<(), String>) {
        let mut state = self.state();
        match check {
            Check::Lease => state.lease = result,
            Check::Crd => state.crd = result,
        }
    }

    /// Tells whether another replica acts.
    pub fn standby(&self, is_standby: bool) {
        self.state().is_standby = is_standby;
    }

    /// The main loop went round.
    pub fn beat(&self) {
        self.state().beat = Instant::now();
    }

    /// All watches begin now.
    pub fn watches_begin(&self) {
        self.state()
            .watches
            .values_mut()
            .for_each(WatchVitals::begins);
    }

    /// All objects of a namespace were listed.
    pub fn listed(&self, namespace: &str) {
        self.watch(namespace, WatchVitals::listed);
    }

    /// A watch of a namespace was granted.
    pub fn watch_granted(&self, namespace: &str) {
        self.watch(namespace, WatchVitals::granted);
    }

    /// An object came through the watch of a namespace.
    pub fn watch_brings(&self, namespace: &str) {
        self.watch(namespace, WatchVitals::brings);
    }

    /// Something came through the watch of a namespace.
    pub fn watch_seen(&self, namespace: &str) {
        self.watch(namespace, WatchVitals::seen);
    }

    /// A list or watch of a namespace failed.
    pub fn watch_fails(&self, namespace: &str, trouble: WatchTrouble) {
        self.watch(namespace, |vital| vital.fails(trouble));
    }

    /// Whether a namespace is there.
    pub fn namespace_exists(&self, namespace: &str, exists: bool) {
        self.watch(namespace, |vital| vital.exists(exists));
    }

    /// How each watch stands.
    pub fn watches(&self) -> Vec<WatchState> {
        let state = self.state();
        let each = state.watches.iter().map(|(namespace, vital)| WatchState {
            namespace: namespace.clone(),
            is_up: vital.result().is_ok(),
            trouble: vital.trouble(),
        });
        each.collect()
    }

    /// Whether the process's own loop goes round.
    pub fn liveness(&self) -> Result<(), String> {
        let age = self.state().beat.elapsed();
        if age <= BEAT_LIMIT {
            Ok(())
        } else {
            Err(format!(
                "the main loop stands still since {} s",
                age.as_secs()
            ))
        }
    }

    /// Whether who acts can do nothing: the CRD can't be used, or nothing is seen of any namespace.
    pub fn is_stuck(&self) -> bool {
        let state = self.state();
        let mut watches = state.watches.values();
        state.crd.is_err() || !watches.any(|vital| vital.result().is_ok())
    }

    /// Whether the process is ready, and one line for each check and each watch.
    pub fn readiness(&self) -> (bool, String) {
        let state = self.state();
        let checks = [(Check::Lease, &state.lease), (Check::Crd, &state.crd)];
        let checks = checks.map(|(check, result)| (check.name().to_owned(), result.clone(), "ok"));
        let watches = state.watches.iter().map(|(namespace, vital)| {
            let name = if namespace.is_empty() {
                "watch".to_owned()
            } else {
                format!("watch of {namespace}")
            };
            // A standby watches nothing and is ready to take over all the same.
            if state.is_standby {
                (name, Ok(()), "ok (standby)")
            } else {
                (name, vital.result(), "ok")
            }
        });
        let (mut is_ready, mut text) = (true, String::new());
        for (name, result, well) in checks.into_iter().chain(watches) {
            is_ready &= result.is_ok();
            let line = result.err().unwrap_or_else(|| well.to_owned());
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name}: {line}");
        }
        (is_ready, text)
    }

    fn watch(&self, namespace: &str, update: impl FnOnce(&mut WatchVitals)) {
        if let Some(vital) = self.state().watches.get_mut(namespace) {
            update(vital);
        }
    }

    /// A panic elsewhere does not make this state wrong.
    fn state(&self) -> MutexGuard<'_, HealthState> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests;
