//! Why the operator's own credentials give no key.

use std::time::Duration;

use crate::platform::failures;
use crate::platform::service::{REFUSAL_HOLDOFF, holdoff};
use crate::terms::failure::{Class, Failure, Operation};

/// Why there is no key.
#[derive(Debug, Clone)]
pub enum TemporaryKeyError {
    /// The source lacks something: a sentence that says what all sources lack.
    Missing(String),
    /// Whoever makes the keys did not answer, or refused.
    Failed(Failure),
}

impl TemporaryKeyError {
    /// The failure of a call that was to be made with the key.
    pub fn into_failure(self, operation: Operation) -> Failure {
        match self {
            Self::Missing(sentence) => {
                failures::failure_before_sending(operation, Class::NotSent, &sentence)
            }
            Self::Failed(failure) => Failure {
                operation,
                ..failure
            },
        }
    }

    /// How long it is not asked for again.
    pub(crate) fn holdoff(&self) -> Duration {
        match self {
            Self::Missing(_) => REFUSAL_HOLDOFF,
            Self::Failed(failure) => holdoff(failure),
        }
    }
}
