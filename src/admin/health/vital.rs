//! The signs of life of one watch. Judges only by what it was told, and when.

use std::time::Duration;

use tokio::time::Instant;

/// How long a watch may be silent. The API server sends a bookmark about every minute.
pub const WATCH_LIMIT: Duration = Duration::from_mins(5);

/// A first list that takes longer is told.
const FIRST_LIST: Duration = Duration::from_secs(10);
/// A sign of life that another one follows so much later was none of what turned out to be a failure.
const BORNE_OUT: Duration = Duration::from_secs(10);

/// Why a list or watch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchTrouble {
    /// What a person reads.
    pub text: String,
    /// Whether the API server refused it, which heals by itself seldom: it counts at once.
    pub is_refusal: bool,
    /// Whether it is what a watch that was granted brought: that was no sign of life.
    pub was_brought: bool,
}

/// What is known of one watch.
#[derive(Debug, Default)]
pub(super) struct WatchVitals {
    begun: Option<Instant>,
    is_listed: bool,
    seen: Option<Instant>,
    /// The newest sign of life that was none of what may turn out to be a failure yet.
    borne_out: Option<Instant>,
    /// The present watch has brought a failure: what else comes of it, its end, too, is no sign of life.
    is_void: bool,
    failing: Option<WatchTrouble>,
    is_missing: bool,
}

impl WatchVitals {
    pub(super) fn begins(&mut self) {
        self.begun = Some(Instant::now());
    }

    pub(super) fn listed(&mut self) {
        self.is_listed = true;
        self.brings();
    }

    /// What came through could be read.
    pub(super) fn brings(&mut self) {
        self.is_void = false;
        self.seen();
        self.borne_out = self.seen;
    }

    /// A watch can't bring anything while it fails.
    pub(super) fn seen(&mut self) {
        if self.is_void {
            return;
        }
        let before = self.seen.replace(Instant::now());
        if before.is_none_or(|before| before.elapsed() >= BORNE_OUT) {
            self.borne_out = before;
        }
        self.failing = None;
    }

    /// A watch was granted, which ends what kept it from that. What is granted may be dead all the same: alive it is when it brings
    /// something, save where it was only refused before.
    pub(super) fn granted(&mut self) {
        self.is_void = false;
        if self
            .failing
            .take()
            .is_some_and(|trouble| trouble.is_refusal)
        {
            self.seen();
        }
    }

    pub(super) fn fails(&mut self, trouble: WatchTrouble) {
        if trouble.was_brought && !self.is_void {
            self.is_void = true;
            self.seen = self.borne_out;
        }
        self.failing = Some(trouble);
    }

    pub(super) fn exists(&mut self, exists: bool) {
        self.is_missing = !exists;
    }

    /// Whether its first list is done and its watch alive; if not, why. A failure that may be over by the next try does not count
    /// before the watch is too old.
    pub(super) fn result(&self) -> Result<(), String> {
        let cause = match &self.failing {
            Some(WatchTrouble {
                text, is_refusal, ..
            }) if *is_refusal => return Err(text.clone()),
            failing => failing.as_ref().map(|trouble| trouble.text.clone()),
        };
        if self.is_missing {
            return Err("there is no such namespace".to_owned());
        }
        let Some(seen) = self.seen.filter(|_| self.is_listed) else {
            let begun = self.begun.map_or("not begun yet", |_| "not listed yet");
            return Err(cause.unwrap_or_else(|| begun.to_owned()));
        };
        let age = seen.elapsed();
        if age <= WATCH_LIMIT {
            return Ok(());
        }
        let cause = cause.unwrap_or_else(|| {
            "the API server sends something every minute: check the network between this pod and it".to_owned()
        });
        Err(format!("silent for {} s: {cause}", age.as_secs()))
    }

    /// What is wrong, be it that it does not count yet.
    pub(super) fn trouble(&self) -> Option<String> {
        let failing = self.failing.as_ref().map(|trouble| trouble.text.clone());
        let late = self.begun.is_some_and(|begun| begun.elapsed() > FIRST_LIST);
        let late = late || self.is_missing;
        failing.or_else(|| self.result().err().filter(|_| late))
    }
}
