//! From the end of a call to what it says of the credential. Pure.

use crate::terms::failure::{Class, Failure, SERVER_ERROR};

/// What an answer says of the credential that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialVerdict {
    /// The cloud knows who it is.
    Accepted,
    /// The cloud does not believe it.
    Refused,
    /// The answer, if there was one, says nothing of it.
    Unknown,
}

impl CredentialVerdict {
    /// What the end of a call says.
    pub fn of<T>(result: &Result<T, Failure>) -> Self {
        result
            .as_ref()
            .err()
            .map_or(Self::Accepted, Self::of_failure)
    }

    /// What a failure says.
    pub fn of_failure(failure: &Failure) -> Self {
        // Whoever is told so by Live itself has passed the gateway, which checks identities.
        let by_live = failure
            .code
            .as_deref()
            .is_some_and(|code| code.starts_with("LIVE."));
        match failure.class {
            // Nor does a server in trouble know whom it speaks to, whatever code it finds for that.
            Class::Credential if failure.http_status.is_some_and(|it| it < SERVER_ERROR) => {
                Self::Refused
            }
            Class::Rejected | Class::Exists | Class::Gone | Class::Permission if by_live => {
                Self::Accepted
            }
            // A credential that nothing was sent with was refused before, and that is counted already.
            Class::Credential
            | Class::Rejected
            | Class::Exists
            | Class::Gone
            | Class::Permission
            | Class::Maintenance
            | Class::CloudDown
            | Class::NotSent
            | Class::Throttled
            | Class::Overloaded
            | Class::ClockSkew
            | Class::Account
            | Class::Protocol => Self::Unknown,
        }
    }
}
