//! What Ready says after a look failed: of an object that was settled, as before, since the cloud probably holds its spec still. Pure.

use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::{Facts, conditions};
use crate::plan::step::held;
use crate::plan::step::situation::{Situation, Stage};
use crate::terms::failure::{Class, Failure};

/// How things are after a look failed: as they were where the spec was held, or nobody knows.
pub(in crate::plan) fn after_failed_look(
    facts: &Facts,
    failure: &Failure,
    otherwise: Situation,
) -> Situation {
    // Nobody has seen the place yet as whom the new spec names.
    let unheard_of = facts.is_new_generation() && !facts.account_has_seen;
    if !was_settled(facts) || unheard_of {
        return otherwise;
    }
    match (conditions::ready_status(&facts.status), failure.class) {
        (
            Some(ConditionStatus::Unknown),
            Class::Credential | Class::Permission | Class::Account | Class::Rejected,
        ) => Situation {
            stage: Stage::UnknownProgressing,
            ..otherwise
        },
        (Some(ConditionStatus::True | ConditionStatus::Unknown), _) => Situation::unchanged(),
        _ => otherwise,
    }
}

/// Whether the callback is recorded, and this very spec was sent.
pub(in crate::plan) fn was_settled(facts: &Facts) -> bool {
    facts.id().is_some()
        && facts
            .desired
            .as_ref()
            .is_ok_and(|desired| held::is_as_sent(facts, desired))
}
