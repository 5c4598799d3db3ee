//! When the next call may be made: a token bucket whose rate follows the cloud's throttling, and a log of the last minute as a hard
//! guard. Arithmetic only: nothing here waits or reads a clock.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The cloud counts calls in windows of a minute. One may be on its way for half a second, so that what was handed over longer than
/// a minute ago may have come within the same one.
const WINDOW: Duration = Duration::from_millis(60_500);
/// What a token costs, in nanoseconds times calls per minute: whole numbers, so that nothing is lost by rounding.
const COST: u64 = 60_000_000_000;
/// The pause after a throttled call, unless the cloud asks for a longer one.
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
/// An identity that makes no calls can't earn a higher rate. What it was throttled for is over after so long.
const OVER: Duration = Duration::from_mins(5);

/// The rate of one identity.
#[derive(Debug)]
pub(super) struct Rate {
    full: u32,
    limit: u32,
    burst: u32,
    level: u64,
    /// Up to when `level` is filled; in the future while paused.
    filled: Instant,
    slowed: Option<Instant>,
    /// When the cloud throttled last.
    throttled: Option<Instant>,
    held: usize,
    spent: VecDeque<Instant>,
}

impl Rate {
    /// A rate that has one token now. The burst is 10 at the 270 calls a minute that fit under the cloud's own limit of 300 (with the burst
    /// no minute has more than 280), and less where fewer are allowed.
    pub(super) fn new(per_minute: u32, now: Instant) -> Self {
        let full = per_minute.max(1);
        Self {
            full,
            limit: full,
            burst: (full / 27).clamp(1, 10),
            level: COST,
            filled: now,
            slowed: None,
            throttled: None,
            held: 0,
            spent: VecDeque::new(),
        }
    }

    /// Whether a token can be taken now, else when to ask again.
    ///
    /// Every token that is held counts as a call of this minute, since it may become one at any time. So whenever a call is handed over, the
    /// calls of the minute before it were all known when the last of their tokens was taken, and there were not too many then.
    pub(super) fn ready(&mut self, now: Instant) -> Result<(), Instant> {
        self.fill(now);
        if now < self.filled {
            return Err(self.filled);
        }
        if self.level < COST {
            return Err(now + self.time_for(COST - self.level));
        }
        while self
            .spent
            .front()
            .is_some_and(|at| now.duration_since(*at) > WINDOW)
        {
            self.spent.pop_front();
        }
        if self.held + self.spent.len() >= self.most_in_window() {
            let oldest = self.spent.front().copied().unwrap_or(now);
            // A call of exactly a window ago still counts; timers go by milliseconds.
            return Err(oldest + WINDOW + Duration::from_millis(1));
        }
        Ok(())
    }

    /// Takes the token that is ready.
    pub(super) fn take(&mut self) {
        self.level = self.level.saturating_sub(COST);
        self.held += 1;
    }

    /// A token that was taken at `taken` was not used.
    pub(super) fn give_back(&mut self, taken: Instant, now: Instant) {
        self.fill(now);
        self.held = self.held.saturating_sub(1);
        if !self.is_void(taken) {
            self.level = self.level.saturating_add(COST).min(self.fullest());
        }
    }

    /// Whether the cloud has throttled since a token was taken. Nothing that was saved up before is worth anything then.
    pub(super) fn is_void(&self, taken: Instant) -> bool {
        self.throttled.is_some_and(|at| at >= taken)
    }

    /// How long the cloud is to be left alone.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.filled.saturating_duration_since(now)
    }

    /// A token became a call.
    pub(super) fn spend(&mut self, now: Instant) {
        self.held = self.held.saturating_sub(1);
        self.spent.push_back(now);
    }

    /// The cloud throttled a call whose token was taken at `taken`. Calls that were under way together slow down once together.
    pub(super) fn throttled(
        &mut self,
        taken: Instant,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        self.fill(now);
        if self.is_news(taken) {
            // Halved, but not for ever: somebody else's calls may be what is throttled, and a rate near nothing would take long to recover.
            self.limit = (self.limit / 2).max(self.full / 16).max(1);
            self.slowed = Some(now);
        }
        self.throttled = Some(now);
        let pause = retry_after.unwrap_or_default().max(SHORTEST_PAUSE);
        self.filled = self.filled.max(now + pause);
        self.level = 0;
    }

    /// The cloud did not throttle a call whose token was taken at `taken`: a little faster, unless that was before the slow-down.
    pub(super) fn accepted(&mut self, taken: Instant, now: Instant) {
        if self.limit < self.full && self.is_news(taken) {
            self.fill(now);
            // In small steps: about 130 calls that are not throttled make up for one that was, however high the rate is.
            self.limit = (self.limit + (self.full / 256).max(1)).min(self.full);
        }
    }

    /// Calls per minute at present.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// How long until that many tokens can have been taken, if nothing else happens.
    pub(super) fn wait(&mut self, tokens: u64, now: Instant) -> Duration {
        self.fill(now);
        let missing = tokens.saturating_mul(COST).saturating_sub(self.level);
        self.filled.duration_since(now) + self.time_for(missing)
    }

    /// Whether nothing is lost with this rate: a new one would allow no more, or what made this one slower is long over.
    pub(super) fn is_as_new(&mut self, now: Instant) -> bool {
        self.fill(now);
        let quiet = self
            .spent
            .back()
            .is_none_or(|at| now.duration_since(*at) > WINDOW);
        let is_over = |at: Instant| now.saturating_duration_since(at) > OVER;
        let is_slow = self.limit < self.full && !self.throttled.is_none_or(is_over);
        quiet && self.held == 0 && !is_slow && self.level >= COST
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_nanos();
        let gained = u64::try_from(elapsed)
            .unwrap_or(u64::MAX)
            .saturating_mul(self.limit.into());
        self.level = self.level.saturating_add(gained).min(self.fullest());
        self.filled = self.filled.max(now);
    }

    fn is_news(&self, taken: Instant) -> bool {
        self.slowed.is_none_or(|slowed| taken > slowed)
    }

    fn fullest(&self) -> u64 {
        u64::from(self.burst) * COST
    }

    fn most_in_window(&self) -> usize {
        usize::try_from(self.full.saturating_add(self.burst)).unwrap_or(usize::MAX)
    }

    fn time_for(&self, missing: u64) -> Duration {
        Duration::from_nanos(missing.div_ceil(self.limit.into()))
    }
}
