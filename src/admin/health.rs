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
mod tests {
    use tokio::time::advance;

    use super::*;

    /// All is well, of these namespaces.
    fn well(namespaces: &[&str]) -> Health {
        let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
        let health = Health::new(&names);
        for check in [Check::Lease, Check::Crd] {
            health.set(check, Ok(()));
        }
        health.watches_begin();
        for watch in health.watches() {
            health.listed(&watch.namespace);
        }
        health
    }

    fn refusal() -> WatchTrouble {
        WatchTrouble {
            text: "forbidden".to_owned(),
            is_refusal: true,
            was_brought: false,
        }
    }

    #[tokio::test]
    async fn nothing_is_ready_before_it_was_looked_at() {
        let (is_ready, text) = Health::new(&[]).readiness();
        assert!(!is_ready);
        let unknown = "lease: not read yet\ncrd: not read yet\nwatch: not begun yet\n";
        assert_eq!(text, unknown);
        let all_well = "lease: ok\ncrd: ok\nwatch: ok\n".to_owned();
        assert_eq!(well(&[]).readiness(), (true, all_well));
    }

    #[tokio::test]
    async fn each_check_alone_makes_unready_and_says_why() {
        for check in [Check::Lease, Check::Crd] {
            let health = well(&[]);
            health.set(check, Err("broken, mend it".to_owned()));
            let (is_ready, text) = health.readiness();
            assert!(!is_ready, "{check:?}");
            assert!(
                text.contains(&format!("{}: broken, mend it\n", check.name())),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_standby_needs_lease_and_crd_only() {
        let health = Health::new(&[]);
        health.standby(true);
        health.set(Check::Lease, Ok(()));
        assert!(!health.readiness().0);
        health.set(Check::Crd, Ok(()));
        let (is_ready, text) = health.readiness();
        assert!(is_ready && text.contains("watch: ok (standby)"), "{text}");
        health.standby(false);
        assert!(!health.readiness().0, "a new leader has not listed yet");
    }

    #[tokio::test(start_paused = true)]
    async fn one_namespace_that_is_silent_or_refused_makes_unready_and_is_named() {
        let health = well(&["live", "media"]);
        advance(WATCH_LIMIT).await;
        health.watch_seen("live");
        assert!(health.readiness().0);
        advance(Duration::from_secs(1)).await;
        let (is_ready, text) = health.readiness();
        assert!(!is_ready && text.contains("watch of live: ok\n"), "{text}");
        assert!(text.contains("watch of media: silent for 301 s"), "{text}");
        health.watch_seen("media");
        assert!(health.readiness().0);

        health.watch_fails("live", refusal());
        let (is_ready, text) = health.readiness();
        assert!(
            !is_ready && text.contains("watch of live: forbidden\n"),
            "{text}"
        );
        let up: Vec<bool> = health.watches().iter().map(|watch| watch.is_up).collect();
        assert_eq!(up, [false, true]);
        health.watch_seen("live");
        assert!(health.readiness().0);
        health.watch_seen("a namespace that nobody serves");

        health.namespace_exists("live", false);
        health.watch_seen("live");
        let (is_ready, text) = health.readiness();
        let missing = "watch of live: there is no such namespace\n";
        assert!(!is_ready && text.contains(missing), "{text}");
        assert!(health.watches()[0].trouble.is_some());
        health.namespace_exists("live", true);
        assert!(health.readiness().0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_granted_again_and_again_and_brings_nothing_is_named() {
        let health = well(&["live"]);
        for _ in 0..3 {
            advance(WATCH_LIMIT / 2).await;
            let lost = WatchTrouble {
                text: "lost".to_owned(),
                is_refusal: false,
                was_brought: false,
            };
            health.watch_fails("live", lost);
            health.watch_granted("live");
        }
        let (is_ready, text) = health.readiness();
        assert!(
            !is_ready && text.contains("watch of live: silent for 450 s"),
            "{text}"
        );
        health.watch_seen("live");
        assert!(health.readiness().0);

        advance(WATCH_LIMIT * 2).await;
        health.watch_fails("live", refusal());
        health.watch_granted("live");
        assert!(health.readiness().0, "who refuses is alive");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_brought_and_turns_out_to_be_a_failure_is_no_sign_of_life() {
        let health = well(&["live"]);
        let brings_a_failure = || {
            health.watch_granted("live");
            health.watch_seen("live");
            let trouble = WatchTrouble {
                text: "etcdserver: request timed out".to_owned(),
                is_refusal: false,
                was_brought: true,
            };
            health.watch_fails("live", trouble);
            health.watch_seen("live"); // the end of it
        };
        for _ in 0..6 {
            assert!(health.readiness().0);
            advance(Duration::from_mins(1)).await;
            brings_a_failure();
        }
        let (is_ready, text) = health.readiness();
        let silent = "watch of live: silent for 360 s: etcdserver: request timed out\n";
        assert!(!is_ready && text.contains(silent), "{text}");
        health.watch_granted("live");
        health.watch_seen("live");
        assert!(health.readiness().0, "an honest one");

        // One that was alive for long was so until just before.
        for _ in 0..30 {
            advance(Duration::from_mins(1)).await;
            health.watch_seen("live");
        }
        brings_a_failure();
        assert!(health.readiness().0);
        for _ in 0..600 {
            advance(Duration::from_secs(1)).await;
            health.watch_seen("live");
            health.watch_brings("live");
        }
        brings_a_failure();
        assert!(health.readiness().0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_not_alive() {
        let health = well(&[]);
        advance(BEAT_LIMIT).await;
        assert_eq!(health.liveness(), Ok(()));
        advance(Duration::from_secs(1)).await;
        assert!(health.liveness().is_err());
        health.beat();
        assert_eq!(health.liveness(), Ok(()));
    }
}
