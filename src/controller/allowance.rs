//! How many calls one object may cause. Whatever the cloud answers, in whatever order, an object that gets nowhere must not use up
//! the quota of its account: at most 120 calls in any hour. What its owner changes or asks for is not held up by that: an edit is
//! good for a few calls at once, a requested look for one and its change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use tokio::time::Instant;

/// So many calls at once.
const BURST: u32 = 30;
/// So many for another generation, whatever was used up.
const AN_EDIT: u32 = 10;
/// So many for a requested look.
const A_LOOK: u32 = 2;
/// And one more each so often: 90 in an hour.
const EVERY: Duration = Duration::from_secs(40);

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// A list or a GET.
    Question,
    /// A POST, PUT or DELETE.
    Change,
}

/// What one object may still call.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    /// When the newest part of `left` was added.
    refilled: Instant,
    /// The generation that it was given for.
    generation: Option<i64>,
    /// The requested look that it was given for, by its hash: whoever writes annotations must not fill our memory.
    requested: Option<u64>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: BURST,
            refilled: Instant::now(),
            generation: None,
            requested: None,
        }
    }
}

impl Allowance {
    /// Another generation of the object, or another requested look, is another story.
    pub(super) fn renew_for(&mut self, generation: i64, requested: Option<&str>) {
        if self.generation != Some(generation) {
            self.generation = Some(generation);
            self.left = self.left.max(AN_EDIT);
        }
        let requested = requested.map(hash);
        if self.requested != requested {
            self.requested = requested;
            self.left = self.left.max(A_LOOK);
        }
    }

    /// Takes one call, or says how long it has to wait for. A question leaves one for the change that it is asked for: else the
    /// questions would take every call that comes back, and no change would ever be made.
    pub(super) fn take(&mut self, call: Call) -> Result<(), Duration> {
        while self.left < BURST && self.refilled.elapsed() >= EVERY {
            self.left += 1;
            self.refilled += EVERY;
        }
        if self.left == BURST {
            self.refilled = Instant::now();
        }
        let needed = match call {
            Call::Question => 2,
            Call::Change => 1,
        };
        let lacking = needed - self.left.min(needed);
        if lacking == 0 {
            self.left -= 1;
            return Ok(());
        }
        Err((EVERY * lacking).saturating_sub(self.refilled.elapsed()))
    }
}

fn hash(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_hour_has_more_than_120_calls() {
        let mut allowance = Allowance::default();
        let mut calls = Vec::new();
        for _ in 0..6 * 3600 {
            while allowance.take(Call::Change).is_ok() {
                calls.push(Instant::now());
            }
            advance(Duration::from_secs(1)).await;
        }
        let hour = Duration::from_hours(1);
        let busiest = calls.iter().map(|first| {
            let within = calls
                .iter()
                .filter(|at| **at >= *first && **at < *first + hour);
            within.count()
        });
        assert_eq!(busiest.max(), Some(119));
        assert_eq!(calls.len(), 30 + 6 * 90 - 1, "the allowance comes back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_leaves_a_call_for_the_change_that_it_is_asked_for() {
        let mut allowance = Allowance::default();
        while allowance.take(Call::Change).is_ok() {}
        advance(EVERY).await;
        let wait = allowance.take(Call::Question).unwrap_err();
        assert_eq!(wait, EVERY);
        advance(wait).await;
        assert_eq!(allowance.take(Call::Question), Ok(()));
        assert_eq!(allowance.take(Call::Change), Ok(()));
        assert!(allowance.take(Call::Change).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_and_a_requested_look_are_not_held_up() {
        let mut allowance = Allowance::default();
        let calls = |allowance: &mut Allowance| {
            std::iter::from_fn(|| allowance.take(Call::Change).ok()).count()
        };
        allowance.renew_for(1, None);
        assert_eq!(calls(&mut allowance), 30);
        allowance.renew_for(1, None);
        assert_eq!(calls(&mut allowance), 0);
        allowance.renew_for(2, None);
        assert_eq!(calls(&mut allowance), 10);
        allowance.renew_for(2, Some("now"));
        assert_eq!(allowance.take(Call::Question), Ok(()));
        assert_eq!(calls(&mut allowance), 1);
        allowance.renew_for(2, Some("now"));
        assert_eq!(calls(&mut allowance), 0);
    }
}
