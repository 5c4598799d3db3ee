//! The words for a call and for how it can end badly: operation, class, failure. Values only; `platform` and `live` make them, `plan`
//! decides by them.

use std::time::Duration;

/// From this HTTP status on the server is in trouble.
pub const SERVER_ERROR: u16 = 500;

/// The five operations of the API, by the names that the status and the metrics use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A `POST`.
    Create,
    /// A `PUT` by id.
    Update,
    /// A `DELETE` by id.
    Delete,
    /// A `GET` by id.
    Get,
    /// A `GET` of a list.
    List,
}

impl Operation {
    const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Get,
        Self::List,
    ];

    /// The operation of a name, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == word)
    }

    /// The name in `status.lastOperation.type` and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Get => "Get",
            Self::List => "List",
        }
    }

    /// Whether it changes something at the cloud.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// What an unsuccessful answer means for us. One class, one reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The request as it is was refused; nothing was changed.
    Rejected,
    /// Something lies at this place already.
    Exists,
    /// What has this id does not exist.
    Gone,
    /// The API is in maintenance (told as a 400); nothing was changed.
    Maintenance,
    /// The cloud or the way to it failed after the request was handed over: it may have happened.
    CloudDown,
    /// The request never left: DNS, connection, TLS, deadline.
    NotSent,
    /// The gateway refused for quota (429); nothing was changed.
    Throttled,
    /// The backend refused for load (500): it may have happened.
    Overloaded,
    /// The cloud does not accept the credential; nothing was changed.
    Credential,
    /// The cloud does not accept the date of the request, twice; nothing was changed.
    ClockSkew,
    /// The credential may not do this; nothing was changed.
    Permission,
    /// The account is frozen, in arrears or not verified; nothing was changed.
    Account,
    /// The answer is not one of this API: HTML, truncated, too big, not UTF-8. It may have happened.
    Protocol,
}

impl Class {
    /// Whether a change that was answered so may have been made all the same, whatever the HTTP status.
    pub fn may_have_happened(self) -> bool {
        matches!(self, Self::CloudDown | Self::Overloaded | Self::Protocol)
    }

    /// Whether the credential's account is told to slow down.
    pub fn is_throttling(self) -> bool {
        matches!(self, Self::Throttled | Self::Overloaded)
    }

    /// Whether it passes without anybody's doing: the cloud, or the way to it, has to get well.
    pub fn passes_by_itself(self) -> bool {
        match self {
            Self::Maintenance
            | Self::CloudDown
            | Self::NotSent
            | Self::Throttled
            | Self::Overloaded
            | Self::Protocol => true,
            Self::Rejected
            | Self::Exists
            | Self::Gone
            | Self::Credential
            | Self::ClockSkew
            | Self::Permission
            | Self::Account => false,
        }
    }
}

/// An unsuccessful call, ready to be told to a person: `message` has no secret and no control character and is at most 512 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The operation that failed.
    pub operation: Operation,
    /// What it means.
    pub class: Class,
    /// HTTP status, when there was an answer.
    pub http_status: Option<u16>,
    /// `LIVE.…`, `APIG.…`, `IAM.…` as the cloud wrote it.
    pub code: Option<String>,
    /// The cloud's words (`error_msg`, then `: ` and `error_detail`), or ours when there was no answer.
    pub message: String,
    /// `X-Request-Id` of the answer.
    pub request_id: Option<String>,
    /// How long the cloud asks to wait, when that is sane (at most 10 min).
    pub retry_after: Option<Duration>,
    /// What it lacked is this process's own, which others took: a slot for the call, or room for what it read. That says nothing of the
    /// cloud, nor of the way to it.
    pub had_no_room: bool,
    /// It failed before the request itself was sent, whatever answer is told: that of a login, say, which the request needs first.
    pub before_sending: bool,
}

impl Failure {
    /// One of which no answer of the cloud tells.
    pub fn new(operation: Operation, class: Class, message: impl Into<String>) -> Self {
        Self {
            operation,
            class,
            http_status: None,
            code: None,
            message: message.into(),
            request_id: None,
            retry_after: None,
            had_no_room: false,
            before_sending: false,
        }
    }

    /// Whether something may have been changed all the same. A server in trouble says nothing of that, whatever code its answer has; but
    /// what is gone can't be changed.
    pub fn may_have_changed(&self) -> bool {
        let in_trouble = |status| status >= SERVER_ERROR && self.class != Class::Gone;
        let is_open = self.class.may_have_happened() || self.http_status.is_some_and(in_trouble);
        self.operation.is_change() && !self.before_sending && is_open
    }
}
