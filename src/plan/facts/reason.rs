//! The one vocabulary of reasons: conditions, events, metric labels and the docs all use these words.

/// Why an object is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The cloud holds the spec.
    Available,
    /// A create is under way.
    Creating,
    /// An update is under way.
    Updating,
    /// A delete is under way.
    Deleting,
    /// The cloud refused the request as it is.
    RequestRejected,
    /// The quota is used up, here or at the cloud.
    RateLimited,
    /// The cloud, or the way to it, is down or in maintenance.
    CloudUnavailable,
    /// A change was sent and it is not known whether it happened.
    OutcomeUnknown,
    /// No usable credential is given.
    CredentialsMissing,
    /// The cloud does not accept the credential.
    CredentialsRejected,
    /// The credential lacks a permission.
    PermissionDenied,
    /// The account is frozen, in arrears or not verified.
    AccountProblem,
    /// The clocks here and at the cloud differ too much.
    ClockSkew,
    /// Credentials or spec point at another region or project than the callback was made in.
    TargetChanged,
    /// The operator may not call the endpoint.
    EndpointNotAllowed,
    /// The spec can't be served.
    InvalidSpec,
    /// The Secret of the sign key, or its key, is missing.
    SignKeyMissing,
    /// The sign key is not letters and digits, at least 32.
    SignKeyInvalid,
    /// A remote callback exists that we may not adopt.
    Conflict,
    /// Another `RecordingCallback` owns this domain and app.
    Duplicate,
    /// Something else keeps rewriting the remote callback.
    Contended,
    /// The cloud answered our own write with other values.
    Normalized,
    /// The object, or the whole operator, only looks.
    ObserveOnly,
    /// The object is suspended.
    Suspended,
    /// Event only: a remote callback was adopted.
    Adopted,
    /// Event only: the remote callback was changed or removed by somebody else.
    Drifted,
    /// Event only: the object went, its remote callback stays.
    Retained,
}

impl Reason {
    /// Every reason, in the order of the docs.
    pub const ALL: [Self; 27] = [
        Self::Available,
        Self::Creating,
        Self::Updating,
        Self::Deleting,
        Self::RequestRejected,
        Self::RateLimited,
        Self::CloudUnavailable,
        Self::OutcomeUnknown,
        Self::CredentialsMissing,
        Self::CredentialsRejected,
        Self::PermissionDenied,
        Self::AccountProblem,
        Self::ClockSkew,
        Self::TargetChanged,
        Self::EndpointNotAllowed,
        Self::InvalidSpec,
        Self::SignKeyMissing,
        Self::SignKeyInvalid,
        Self::Conflict,
        Self::Duplicate,
        Self::Contended,
        Self::Normalized,
        Self::ObserveOnly,
        Self::Suspended,
        Self::Adopted,
        Self::Drifted,
        Self::Retained,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::RequestRejected => "RequestRejected",
            Self::RateLimited => "RateLimited",
            Self::CloudUnavailable => "CloudUnavailable",
            Self::OutcomeUnknown => "OutcomeUnknown",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::PermissionDenied => "PermissionDenied",
            Self::AccountProblem => "AccountProblem",
            Self::ClockSkew => "ClockSkew",
            Self::TargetChanged => "TargetChanged",
            Self::EndpointNotAllowed => "EndpointNotAllowed",
            Self::InvalidSpec => "InvalidSpec",
            Self::SignKeyMissing => "SignKeyMissing",
            Self::SignKeyInvalid => "SignKeyInvalid",
            Self::Conflict => "Conflict",
            Self::Duplicate => "Duplicate",
            Self::Contended => "Contended",
            Self::Normalized => "Normalized",
            Self::ObserveOnly => "ObserveOnly",
            Self::Suspended => "Suspended",
            Self::Adopted => "Adopted",
            Self::Drifted => "Drifted",
            Self::Retained => "Retained",
        }
    }

    /// The reason of a word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
