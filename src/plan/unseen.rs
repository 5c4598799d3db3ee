//! What is said of an object that was settled when nobody can look any more: the cloud probably holds its spec still.

use super::{
    conditions::{self, Truth},
    facts::Facts,
    failure::{Class, Failure},
    manage, outcome,
    situation::{Situation, Stage, reason_of, sentence},
};
use crate::api::status::Status;

/// The sweeps fail for the credential, the permission or the account: Ready becomes Unknown, once.
pub fn told(facts: &Facts, failure: &Failure, advice: Option<&str>) -> Status {
    let mut status = facts.status.clone();
    if failure.class == Class::Credential {
        status.rejected_credential.clone_from(&facts.credential);
    }
    let message = format!(
        "Nobody can see any more whether the cloud holds this spec: {}",
        sentence(failure, advice)
    );
    let situation = Situation::new(reason_of(failure), Stage::UnknownProgressing, message);
    outcome::finish(facts, status, &situation)
}

/// How things are after a look failed: as they were where the spec was held, or nobody knows.
pub(super) fn after_failed_look(
    facts: &Facts,
    failure: &Failure,
    otherwise: Situation,
) -> Situation {
    if !was_settled(facts) {
        return otherwise;
    }
    match (conditions::ready_truth(&facts.status), failure.class) {
        (Some(Truth::Unknown), Class::Credential | Class::Permission | Class::Account) => {
            Situation {
                stage: Stage::UnknownProgressing,
                ..otherwise
            }
        }
        (Some(Truth::True | Truth::Unknown), _) => Situation::unchanged(),
        _ => otherwise,
    }
}

/// Whether the callback is recorded, and this very spec was sent.
pub(super) fn was_settled(facts: &Facts) -> bool {
    facts.id().is_some()
        && facts
            .desired
            .as_ref()
            .is_ok_and(|desired| manage::is_as_sent(facts, desired))
}
