//! Calls per sliding minute, for each user: over all operations and of each one. No clock of its own.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::log::LoggedOperation;
use crate::refusal::CloudRefusal;
use crate::settings::SimulatorSettings;

const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// The accepted calls of the last minute. Refused calls do not count.
#[derive(Debug, Default)]
pub(crate) struct CallQuota {
    windows: BTreeMap<(String, Option<LoggedOperation>), VecDeque<Timestamp>>,
}

impl CallQuota {
    /// Counts a call, or refuses it.
    pub(crate) fn admit(
        &mut self,
        user: &str,
        operation: LoggedOperation,
        now: Timestamp,
        settings: &SimulatorSettings,
    ) -> Result<(), CloudRefusal> {
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
                    return Err(CloudRefusal::throttled(policy, limit));
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
        operation: Option<LoggedOperation>,
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
        let mut quota = CallQuota::default();
        let settings = SimulatorSettings {
            calls_per_minute: Some(3),
            calls_per_minute_per_operation: Some(2),
            ..SimulatorSettings::default()
        };
        let mut admit = |second, user, operation| {
            let now = Timestamp::from_second(second).unwrap();
            quota
                .admit(user, operation, now, &settings)
                .map_err(|refusal| refusal.message)
        };
        assert_eq!(admit(0, "a", LoggedOperation::Create), Ok(()));
        assert_eq!(admit(10, "a", LoggedOperation::Create), Ok(()));
        let error = admit(20, "a", LoggedOperation::Create).unwrap_err();
        assert!(
            error.contains("policy api over ratelimit,limit:2,time:1 minute"),
            "{error}"
        );
        assert_eq!(admit(20, "a", LoggedOperation::List), Ok(()));
        let error = admit(59, "a", LoggedOperation::List).unwrap_err();
        assert!(
            error.contains("policy user over ratelimit,limit:3,time:1 minute"),
            "{error}"
        );
        assert_eq!(admit(59, "b", LoggedOperation::List), Ok(()));
        assert_eq!(admit(60, "a", LoggedOperation::List), Ok(()));
        assert!(admit(69, "a", LoggedOperation::Delete).is_err());
        assert_eq!(admit(70, "a", LoggedOperation::Delete), Ok(()));
    }
}
