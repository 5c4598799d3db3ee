//! How an account is reached, as its newest sweep tells. Pure.

use std::hash::Hash;
use std::num::NonZeroU64;

use crate::hash::hash;
use crate::terms::failure::Failure;

/// Stands for whoever a sweep called as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallerMark(NonZeroU64);

impl CallerMark {
    /// Another one for another caller.
    pub(super) fn of(caller: &impl Hash) -> Self {
        Self(hash(caller))
    }
}

/// How a sweep went, and who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SweepReach {
    pub(super) caller: CallerMark,
    pub(super) reach: AccountReach,
}

/// How the newest sweep of an account went; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
