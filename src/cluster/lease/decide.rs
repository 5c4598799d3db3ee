//! What a replica does about the Lease that it saw. Pure.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

use super::LeaseSettings;

/// What a replica knows: nothing that was not seen, and no clock but its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) is_leading: bool,
    /// What the Lease says; unset when there is none.
    pub(super) lease: Option<&'a LeaseSpec>,
    /// Since when it says so, as far as we saw.
    pub(super) since: Instant,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseAction {
    /// There is no Lease: make one that is ours.
    Create,
    /// Write it as ours: to renew it, or to take it over.
    Replace,
    /// Somebody else holds it.
    Wait,
    /// It was ours and is no longer.
    StepDown,
}

pub(super) fn decide(settings: &LeaseSettings, view: View<'_>, now: Instant) -> LeaseAction {
    let Some(lease) = view.lease else {
        return LeaseAction::Create;
    };
    let holder = lease.holder_identity.as_deref().unwrap_or_default();
    if holder == settings.identity {
        return LeaseAction::Replace;
    }
    if view.is_leading {
        return LeaseAction::StepDown;
    }
    let is_expired =
        now.saturating_duration_since(view.since) >= duration(lease, settings.duration);
    if holder.is_empty() || is_expired {
        LeaseAction::Replace
    } else {
        LeaseAction::Wait
    }
}

/// How long another's Lease holds: by its own word, if it gives one.
pub(super) fn duration(lease: &LeaseSpec, usual: Duration) -> Duration {
    let seconds = lease
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(usual, Duration::from_secs)
}

/// The Lease as ours. `stamp` is for people; no replica judges by it.
pub(super) fn ours(
    settings: &LeaseSettings,
    before: Option<&LeaseSpec>,
    stamp: MicroTime,
) -> LeaseSpec {
    let before = before.cloned().unwrap_or_default();
    let is_renewal = before.holder_identity.as_ref() == Some(&settings.identity);
    let transitions = before.lease_transitions.unwrap_or_default();
    LeaseSpec {
        holder_identity: Some(settings.identity.clone()),
        lease_duration_seconds: i32::try_from(settings.duration.as_secs()).ok(),
        acquire_time: before
            .acquire_time
            .filter(|_| is_renewal)
            .or_else(|| Some(stamp.clone())),
        renew_time: Some(stamp),
        lease_transitions: Some(transitions.saturating_add(i32::from(!is_renewal))),
        ..before
    }
}

/// The Lease as nobody's, which anybody may take at once.
pub(super) fn released(before: &LeaseSpec, stamp: MicroTime) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        renew_time: Some(stamp),
        ..before.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: u64 = 15;

    fn settings() -> LeaseSettings {
        LeaseSettings {
            namespace: "media".into(),
            name: "operator".into(),
            identity: "me".into(),
            duration: Duration::from_secs(OURS),
        }
    }

    fn held(holder: &str, seconds: Option<i32>) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: seconds,
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn the_table() {
        let nobody = LeaseSpec::default();
        let (me, other) = (held("me", Some(15)), held("other", Some(40)));
        let silent = held("other", None);
        let wrong = held("other", Some(-1));
        for (leading, lease, age, action) in [
            (false, None, 0, LeaseAction::Create),
            (true, None, 0, LeaseAction::Create),
            (false, Some(&nobody), 0, LeaseAction::Replace),
            (false, Some(&held("", Some(1))), 0, LeaseAction::Replace),
            (false, Some(&me), 0, LeaseAction::Replace),
            (true, Some(&me), 0, LeaseAction::Replace),
            (true, Some(&me), 1000, LeaseAction::Replace),
            // Another's Lease counts by its own duration, not by ours.
            (false, Some(&other), 39, LeaseAction::Wait),
            (false, Some(&other), 40, LeaseAction::Replace),
            (false, Some(&silent), OURS - 1, LeaseAction::Wait),
            (false, Some(&silent), OURS, LeaseAction::Replace),
            (false, Some(&wrong), OURS - 1, LeaseAction::Wait),
            // Who led and sees another, or nobody, has lost it, however old that is.
            (true, Some(&other), 0, LeaseAction::StepDown),
            (true, Some(&other), 1000, LeaseAction::StepDown),
            (true, Some(&nobody), 0, LeaseAction::StepDown),
        ] {
            let since = Instant::now();
            let view = View {
                is_leading: leading,
                lease,
                since,
            };
            let now = since + Duration::from_secs(age);
            assert_eq!(
                decide(&settings(), view, now),
                action,
                "{leading} {lease:?} {age}"
            );
        }
    }

    #[test]
    fn times_in_a_lease_do_not_matter() {
        let since = Instant::now();
        for time in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            let time = MicroTime(time.parse().unwrap());
            let lease = LeaseSpec {
                renew_time: Some(time),
                ..held("other", Some(15))
            };
            let view = View {
                is_leading: false,
                lease: Some(&lease),
                since,
            };
            assert_eq!(decide(&settings(), view, since), LeaseAction::Wait);
        }
    }

    #[test]
    fn a_renewal_keeps_what_a_takeover_counts() {
        let stamp = |text: &str| MicroTime(text.parse().unwrap());
        let (early, late) = (stamp("2026-11-25T02:00:00Z"), stamp("2026-11-25T02:00:05Z"));
        let first = ours(&settings(), None, early.clone());
        assert_eq!(first.lease_duration_seconds, Some(15));
        let renewed = ours(&settings(), Some(&first), late.clone());
        assert_eq!(renewed.acquire_time, Some(early));
        assert_eq!(renewed.renew_time, Some(late.clone()));
        assert_eq!(renewed.lease_transitions, first.lease_transitions);

        let other = LeaseSpec {
            lease_transitions: Some(7),
            ..held("other", Some(15))
        };
        let taken = ours(&settings(), Some(&other), late.clone());
        assert_eq!(taken.acquire_time, Some(late.clone()));
        assert_eq!(taken.lease_transitions, Some(8));
        let let_go = released(&taken, late);
        assert_eq!(let_go.holder_identity.as_deref(), Some(""));
        assert_eq!(let_go.lease_transitions, Some(8));
    }
}
