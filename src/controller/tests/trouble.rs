//! What may befall calls: the seam at which a test comes between the controller and its two servers.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::platform::transport::Response;

/// A call to the API server.
#[derive(Debug, Clone)]
pub(super) struct ServerCall {
    pub(super) verb: Verb,
    /// Empty where it concerns all.
    pub(super) namespace: String,
    /// Of the object or the Secret.
    pub(super) name: String,
}

/// What a call to the API server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    List,
    Watch,
    Get,
    /// A patch of metadata or spec.
    Patch,
    PatchStatus,
    ReadSecret,
    ReadCrd,
    Publish,
    Other,
}

impl Verb {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Patch | Self::PatchStatus)
    }

    /// Whether it asks for what the CRD defines.
    pub(super) fn is_of_the_resource(self) -> bool {
        self.writes() || matches!(self, Self::List | Self::Watch | Self::Get)
    }
}

/// What becomes of a call to the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallFate {
    Served,
    /// A write is answered as done, and a webhook has left all as it was.
    Undone,
    /// Not carried out. "Page" is no Status but a text, "Unserved" says that the resource is not known, "Schema" that the content is not.
    Refused(u16, &'static str),
    /// The connection breaks, before or after it is carried out.
    Broken {
        carried_out: bool,
    },
    /// It is never answered, be it carried out or not.
    Silent {
        carried_out: bool,
    },
    /// It is carried out so late, and answered at once.
    Late(Duration),
    /// It is carried out at once, and answered so late: what it did is told by a watch before.
    Slow(Duration),
    /// The process ends in the middle of it, before or after it is carried out.
    Fatal {
        carried_out: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) struct CloudCall {
    pub(super) method: Method,
    pub(super) url: String,
    /// The id in the path.
    pub(super) id: Option<String>,
    /// Whether it asks IAM for a token, or for projects.
    pub(super) is_login: bool,
    /// The domain that it concerns, as far as the world knows; none for sweeps.
    pub(super) domain: Option<String>,
}

/// What becomes of a call to the cloud. The default is the truth.
#[derive(Clone)]
pub(super) struct CloudCallFate {
    /// How long it waits before it is carried out, whether its caller waits or not.
    pub(super) before: Duration,
    pub(super) carried_out: bool,
    /// How long its answer takes.
    pub(super) after: Duration,
    pub(super) answer: TroubledAnswer,
    /// As the story tells it.
    pub(super) note: String,
}

/// What the caller gets.
#[derive(Clone)]
pub(super) enum TroubledAnswer {
    True,
    /// This, in place of the true one.
    Reply(Response),
    /// The true one, changed.
    Edited(Edit),
    /// No connection comes about; nothing is carried out.
    NotSent,
    /// The connection breaks.
    Broken,
    /// Nothing, until the caller gives up.
    Silent,
    /// The process ends.
    Fatal,
}

/// How a true answer is changed.
pub(super) type Edit = std::sync::Arc<dyn Fn(&mut Response) + Send + Sync>;

impl Default for CloudCallFate {
    fn default() -> Self {
        Self {
            before: Duration::ZERO,
            carried_out: true,
            after: Duration::ZERO,
            answer: TroubledAnswer::True,
            note: String::new(),
        }
    }
}

/// Comes between. Whoever has nothing to say lets the truth be told.
pub(super) trait Troubled: Send + Sync {
    fn at_server(&self, _: &ServerCall) -> CallFate {
        CallFate::Served
    }

    fn at_cloud(&self, _: &CloudCall) -> CloudCallFate {
        CloudCallFate::default()
    }
}

/// No trouble.
pub(super) struct Peace;

impl Troubled for Peace {}

/// An answer of this status with this body.
pub(super) fn reply(status: u16, body: impl Into<Bytes>) -> Response {
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: http::HeaderMap::new(),
        body: body.into(),
    }
}
