//! What is known of the process's health: told by its parts, read by the probes. Judges only by the ages of what it was told.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How old the newest beat of the main loop may be.
pub const BEAT_LIMIT: Duration = Duration::from_mins(1);

/// How long a watch may be silent. The API server sends a bookmark about every minute.
pub const WATCH_LIMIT: Duration = Duration::from_mins(5);

/// One thing that must be well for the process to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The Lease can be read and written.
    Lease,
    /// The CRD can be read and has a version we know.
    Crd,
    /// All objects were listed once.
    FirstList,
    /// The watch of the objects runs.
    Watch,
}

impl Check {
    /// Every check, in the order they are told.
    pub const ALL: [Self; 4] = [Self::Lease, Self::Crd, Self::FirstList, Self::Watch];

    fn name(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Crd => "crd",
            Self::FirstList => "first list",
            Self::Watch => "watch",
        }
    }

    /// A standby watches nothing and is ready to take over all the same.
    fn counts_for_standby(self) -> bool {
        matches!(self, Self::Lease | Self::Crd)
    }
}

/// The state of the process, shared by all its parts.
#[derive(Debug)]
pub struct Health(Mutex<State>);

#[derive(Debug)]
struct State {
    beat: Instant,
    watch_seen: Option<Instant>,
    is_standby: bool,
    lease: Result<(), String>,
    crd: Result<(), String>,
    first_list: Result<(), String>,
    watch: Result<(), String>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// Alive, and nothing known yet.
    pub fn new() -> Self {
        let unknown = |text: &str| Err(text.to_owned());
        Self(Mutex::new(State {
            beat: Instant::now(),
            watch_seen: None,
            is_standby: false,
            lease: unknown("not read yet"),
            crd: unknown("not read yet"),
            first_list: unknown("not done yet"),
            watch: Ok(()),
        }))
    }

    /// Tells how a check stands: well, or what is wrong and what to do about it.
    pub fn set(&self, check: Check, result: Result<(), String>) {
        let mut state = self.state();
        match check {
            Check::Lease => state.lease = result,
            Check::Crd => state.crd = result,
            Check::FirstList => state.first_list = result,
            Check::Watch => state.watch = result,
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

    /// Something came through the watch.
    pub fn watch_seen(&self) {
        self.state().watch_seen = Some(Instant::now());
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

    /// Whether the process is ready, and one line for each check.
    pub fn readiness(&self) -> (bool, String) {
        let state = self.state();
        let (mut is_ready, mut text) = (true, String::new());
        for check in Check::ALL {
            let line = match state.result(check) {
                _ if state.is_standby && !check.counts_for_standby() => "ok (standby)".to_owned(),
                Ok(()) => "ok".to_owned(),
                Err(what) => {
                    is_ready = false;
                    what
                }
            };
            // Writing to a string can't fail.
            let _ = writeln!(text, "{}: {line}", check.name());
        }
        (is_ready, text)
    }

    /// A panic elsewhere does not make this state wrong.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn result(&self, check: Check) -> Result<(), String> {
        match check {
            Check::Lease => self.lease.clone(),
            Check::Crd => self.crd.clone(),
            Check::FirstList => self.first_list.clone(),
            Check::Watch => self.watch.clone().and_then(|()| self.watch_is_fresh()),
        }
    }

    fn watch_is_fresh(&self) -> Result<(), String> {
        match self.watch_seen.map(|seen| seen.elapsed()) {
            None => Err("not started yet".to_owned()),
            Some(age) if age <= WATCH_LIMIT => Ok(()),
            Some(age) => Err(format!(
                "silent for {} s, though the API server sends something every minute: \
                 check the network between this pod and the API server",
                age.as_secs()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn well() -> Health {
        let health = Health::new();
        for check in Check::ALL {
            health.set(check, Ok(()));
        }
        health.watch_seen();
        health
    }

    #[tokio::test]
    async fn nothing_is_ready_before_it_was_looked_at() {
        let (is_ready, text) = Health::new().readiness();
        assert!(!is_ready);
        assert_eq!(
            text,
            "lease: not read yet\ncrd: not read yet\nfirst list: not done yet\nwatch: not started yet\n"
        );
        assert_eq!(
            well().readiness(),
            (
                true,
                "lease: ok\ncrd: ok\nfirst list: ok\nwatch: ok\n".into()
            )
        );
    }

    #[tokio::test]
    async fn each_check_alone_makes_unready_and_says_why() {
        for check in Check::ALL {
            let health = well();
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
        let health = Health::new();
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
    async fn a_silent_watch_makes_unready_until_it_speaks() {
        let health = well();
        advance(WATCH_LIMIT).await;
        assert!(health.readiness().0);
        advance(Duration::from_secs(1)).await;
        let (is_ready, text) = health.readiness();
        assert!(!is_ready && text.contains("silent for 301 s"), "{text}");
        health.watch_seen();
        assert!(health.readiness().0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_not_alive() {
        let health = well();
        advance(BEAT_LIMIT).await;
        assert_eq!(health.liveness(), Ok(()));
        advance(Duration::from_secs(1)).await;
        assert!(health.liveness().is_err());
        health.beat();
        assert_eq!(health.liveness(), Ok(()));
    }
}
