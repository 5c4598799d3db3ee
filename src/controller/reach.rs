//! How an account is reached, as its newest sweep tells.

use crate::terms::failure::{Class, Failure};

/// How the newest sweep of an account went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The cloud answered, be it that it throttles.
    Reached,
    /// There was no answer, or none of this API.
    Unreachable,
    /// The cloud refuses the credential, the account or the request.
    Refused,
}

impl Reach {
    /// What a sweep that failed so tells.
    pub(super) fn of(failure: &Failure) -> Self {
        match failure.class {
            Class::Throttled | Class::Overloaded => Self::Reached,
            Class::Maintenance | Class::CloudDown | Class::NotSent | Class::Protocol => {
                Self::Unreachable
            }
            Class::Rejected
            | Class::Exists
            | Class::Gone
            | Class::Credential
            | Class::ClockSkew
            | Class::Permission
            | Class::Account => Self::Refused,
        }
    }
}
