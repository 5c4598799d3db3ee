//! How an account is reached, as its newest sweep tells. Pure.

use crate::terms::failure::Failure;

/// How the newest sweep of an account went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountReach {
    /// The cloud answered, be it that it throttles.
    Reached,
    /// There was no answer, or none of this API.
    Unreachable,
    /// The cloud refuses the credential, the account or the request.
    Refused,
}

impl AccountReach {
    /// What a sweep that failed so tells.
    pub(super) fn of(failure: &Failure) -> Self {
        if failure.class.is_throttling() {
            Self::Reached
        } else if failure.class.passes_by_itself() {
            Self::Unreachable
        } else {
            Self::Refused
        }
    }
}
