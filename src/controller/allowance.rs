//! How many calls one object may cause. Whatever the cloud answers, in whatever order, an object that gets nowhere must not use up
//! the quota of its account: at most 120 calls in any hour. What its owner changes or asks for is not held up by that: an edit is
//! good for a few calls at once, a requested look for one and its change.
//!
//! Every call counts: also the login and the second try after a refused date, token or key, and each page of a filtered list. Those are
//! paid for when they come, so who asks for one call has to have what it may come to.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::Instant;

use crate::hash::hash;

/// So many calls at once: enough for the longest list of a domain that the cloud gives (40 pages), and a change.
const BURST: u32 = 39 + 1 + ONE;
/// So many for another generation, whatever was used up.
const AN_EDIT: u32 = 10;
/// So many for a requested look.
const A_LOOK: u32 = 2 * ONE;
/// What one call may come to: it is refused, somebody logs in, and it is made once more.
const ONE: u32 = 3;
/// And one more each so often: 76 in an hour.
const EVERY: Duration = Duration::from_secs(47);
/// For so long it is believed that a list is as long as it was told to be: then one page tells whether it still is.
const LACKED_FOR: Duration = Duration::from_mins(10);

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallPurpose {
    /// A list or a GET.
    Question,
    /// A POST, PUT or DELETE.
    Change,
}

/// What one object may still call.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    /// What was last to be paid for and was not there, and since when: the next question waits until it is, or what was told is old.
    lacked: Option<Box<(u32, Instant)>>,
    /// When the newest part of `left` was added.
    refilled: Instant,
    /// The generation that it was given for.
    generation: Option<i64>,
    /// The requested look that it was given for, by its hash: whoever writes annotations must not fill our memory.
    requested: Option<NonZeroU64>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: BURST,
            lacked: None,
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
            self.lacked = None;
        }
        let requested = requested.map(hash);
        if self.requested != requested {
            self.requested = requested;
            self.left = self.left.max(A_LOOK);
            self.lacked = None;
        }
    }

    /// Takes one call, or says how long it has to wait for. A question leaves one for the change that it is asked for: else the
    /// questions would take every call that comes back, and no change would ever be made.
    pub(super) fn take(&mut self, call: CallPurpose) -> Result<(), Duration> {
        self.refill();
        self.lacked
            .take_if(|lacked| lacked.1.elapsed() >= LACKED_FOR);
        let lacked = self.lacked.as_ref().map_or(0, |lacked| lacked.0);
        let needed = match call {
            CallPurpose::Question => (2 * ONE + lacked).min(BURST),
            CallPurpose::Change => ONE,
        };
        let lacking = needed - self.left.min(needed);
        let refilled = (EVERY * lacking).saturating_sub(self.refilled.elapsed());
        if lacking == 0 {
            self.left -= 1;
            if call == CallPurpose::Question {
                self.lacked = None;
            }
            return Ok(());
        }
        let probe = self
            .lacked
            .as_ref()
            .map(|lacked| LACKED_FOR.saturating_sub(lacked.1.elapsed()));
        Err(refilled.min(probe.unwrap_or(refilled)))
    }

    /// Gives one back that was taken and not made.
    pub(super) fn give_back(&mut self) {
        self.left = (self.left + 1).min(BURST);
    }

    /// Takes so many calls that one which was taken turned out to need, too: all of them, or none.
    pub(super) fn spend(&mut self, calls: u32) -> bool {
        self.refill();
        let is_there = self.left >= calls;
        if is_there {
            self.left -= calls;
        } else {
            self.lacked = Some(Box::new((calls, Instant::now())));
        }
        is_there
    }

    fn refill(&mut self) {
        while self.left < BURST && self.refilled.elapsed() >= EVERY {
            self.left += 1;
            self.refilled += EVERY;
        }
        if self.left == BURST {
            self.refilled = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_hour_has_more_than_120_calls() {
        for more in [0, 1, 2, 7, 39] {
            let mut allowance = Allowance::default();
            let mut calls = Vec::new();
            for _ in 0..6 * 3600 {
                while allowance.take(CallPurpose::Question).is_ok() {
                    calls.push(Instant::now());
                    if more > 0 && allowance.spend(more) {
                        calls.extend((0..more).map(|_| Instant::now()));
                    }
                }
                advance(Duration::from_secs(1)).await;
            }
            let hour = Duration::from_hours(1);
            let busiest = (0..calls.len()).map(|first| {
                let end = calls[first] + hour;
                calls[first..].partition_point(|at| *at < end)
            });
            let busiest = busiest.max().unwrap();
            assert!((80..=120).contains(&busiest), "{busiest} with {more} more");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_leaves_a_call_for_the_change_that_it_is_asked_for() {
        let mut allowance = Allowance::default();
        while allowance.take(CallPurpose::Change).is_ok() {}
        let wait = allowance.take(CallPurpose::Question).unwrap_err();
        assert_eq!(wait, EVERY * 4, "each may be refused, and made once more");
        advance(wait).await;
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
        assert!(allowance.spend(ONE - 1));
        assert_eq!(allowance.take(CallPurpose::Change), Ok(()));
        assert!(allowance.spend(ONE - 1) && !allowance.spend(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_not_made_is_given_back_once() {
        let mut allowance = Allowance::default();
        allowance.give_back();
        let taken = |allowance: &mut Allowance| {
            std::iter::from_fn(|| allowance.take(CallPurpose::Change).ok()).count()
        };
        assert_eq!(taken(&mut allowance), 41, "no more than there were");
        allowance.give_back();
        assert_eq!(taken(&mut allowance), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_waits_until_the_list_is_paid_for_that_could_not_be_read() {
        let mut allowance = Allowance::default();
        for _ in 0..10 {
            assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
        }
        assert!(!allowance.spend(39), "39 pages more");
        let wait = allowance.take(CallPurpose::Question).unwrap_err();
        assert_eq!(wait, EVERY * 10);
        advance(wait).await;
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
        assert!(allowance.spend(39));
        advance(EVERY * 4).await;
        assert_eq!(
            allowance.take(CallPurpose::Question),
            Ok(()),
            "that was another list"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_list_of_a_domain_leaves_a_call_for_the_create() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
        assert!(allowance.spend(39));
        assert_eq!(allowance.take(CallPurpose::Change), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_was_told_to_be_long_holds_up_no_edit_and_nothing_for_long() {
        let mut allowance = Allowance::default();
        while allowance.take(CallPurpose::Change).is_ok() {}
        assert!(!allowance.spend(39));
        allowance.renew_for(2, None);
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));

        while allowance.take(CallPurpose::Change).is_ok() {}
        assert!(!allowance.spend(39));
        let wait = allowance.take(CallPurpose::Question).unwrap_err();
        assert_eq!(wait, LACKED_FOR);
        advance(wait).await;
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_and_a_requested_look_are_not_held_up() {
        let mut allowance = Allowance::default();
        let calls = |allowance: &mut Allowance| {
            std::iter::from_fn(|| allowance.take(CallPurpose::Change).ok()).count()
        };
        allowance.renew_for(1, None);
        assert_eq!(calls(&mut allowance), 41);
        allowance.renew_for(1, None);
        assert_eq!(calls(&mut allowance), 0);
        allowance.renew_for(2, None);
        assert_eq!(calls(&mut allowance), 8);
        allowance.renew_for(2, Some("now"));
        assert_eq!(allowance.take(CallPurpose::Question), Ok(()));
        assert_eq!(calls(&mut allowance), 3);
        allowance.renew_for(2, Some("now"));
        assert_eq!(calls(&mut allowance), 0);
    }
}
