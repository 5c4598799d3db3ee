//! Calls per sliding minute, for each user: over all operations and of each one. No clock of its own.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::log::Operation;
use crate::refusal::Refusal;
use crate::settings::Settings;

const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// The accepted calls of the last minute. Refused calls do not count.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    windows: BTreeMap<(String, Option<Operation>), VecDeque<Timestamp>>,
}

impl Quota {
    /// Counts a call, or refuses it.
    pub(crate) fn admit(
        &mut self,
        user: &str,
        operation: Operation,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let limits = [
            (None, settings.calls_per_minute, "user"),
            (
                Some(operation),
                settings.calls_per_minute_per_operation,
                "api",
            ),
        ];
        for (operation, limit, policy) in limits {
            let accepted = self.window(user, operation, now).len();
            match limit {
                Some(limit) if accepted >= usize::try_from(limit).unwrap_or(usize::MAX) => {
                    return Err(Refusal::throttled(policy, limit));
                }
                Some(_) | None => {}
            }
        }
        for (operation, _, _) in limits {
            self.window(user, operation, now).push_back(now);
        }
        Ok(())
    }

    fn window(
        &mut self,
        user: &str,
        operation: Option<Operation>,
        now: Timestamp,
    ) -> &mut VecDeque<Timestamp> {
        let window = self
            .windows
            .entry((user.to_owned(), operation))
            .or_default();
        while window
            .front()
            .is_some_and(|first| now.duration_since(*first) >= WINDOW)
        {
            window.pop_front();
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut quota = Quota::default();
        let settings = Settings {
            calls_per_minute: Some(3),
            calls_per_minute_per_operation: Some(2),
            ..Settings::default()
        };
        let mut admit = |second, user, operation| {
            let now = Timestamp::from_second(second).unwrap();
            quota
                .admit(user, operation, now, &settings)
                .map_err(|refusal| refusal.message)
        };
        assert_eq!(admit(0, "a", Operation::Create), Ok(()));
        assert_eq!(admit(10, "a", Operation::Create), Ok(()));
        let error = admit(20, "a", Operation::Create).unwrap_err();
        assert!(
            error.contains("policy api over ratelimit,limit:2,time:1 minute"),
            "{error}"
        );
        assert_eq!(admit(20, "a", Operation::List), Ok(()));
        let error = admit(59, "a", Operation::List).unwrap_err();
        assert!(
            error.contains("policy user over ratelimit,limit:3,time:1 minute"),
            "{error}"
        );
        assert_eq!(admit(59, "b", Operation::List), Ok(()));
        assert_eq!(admit(60, "a", Operation::List), Ok(()));
        assert!(admit(69, "a", Operation::Delete).is_err());
        assert_eq!(admit(70, "a", Operation::Delete), Ok(()));
    }
}
