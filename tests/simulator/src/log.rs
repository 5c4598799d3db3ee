//! What the simulated cloud saw and did: every call with its answer, every change of a row with its
//! cause. Holds no secret: sign keys are replaced by digests, bodies of IAM calls are left out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::sign;
use crate::store::StoredRow;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LoggedOperation {
    /// `POST /v1/{project}/record/callbacks`
    Create,
    /// `GET /v1/{project}/record/callbacks`
    List,
    /// `GET /v1/{project}/record/callbacks/{id}`
    Get,
    /// `PUT /v1/{project}/record/callbacks/{id}`
    Update,
    /// `DELETE /v1/{project}/record/callbacks/{id}`
    Delete,
    /// `GET /v1/{project}/record/rules`
    ListRules,
    /// `POST /v3/auth/tokens`
    IssueToken,
    /// `GET /v3/projects`
    ListProjects,
    /// `POST /v3.0/OS-CREDENTIAL/securitytokens`
    IssueTemporaryKey,
    /// `POST /v3.0/OS-AUTH/id-token/tokens`
    IssueFederatedToken,
    /// `POST /v5/agencies/assume-with-oidc`
    AssumeWithOidc,
    /// `PUT /meta-data/latest/api/token`
    IssueMetadataToken,
    /// `GET /openstack/latest/securitykey`
    ReadMetadataKey,
    /// `POST /pod-identity/credentials`
    AssumePodIdentity,
    /// Anything else.
    Unknown,
}

impl LoggedOperation {
    /// Whether this is one of the five operations on recording callbacks.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Create | Self::List | Self::Get | Self::Update | Self::Delete
        )
    }

    /// The IAM action that permits it; empty for calls that need none.
    pub fn action(self) -> &'static str {
        match self {
            Self::Create => "live:record:createCallback",
            Self::List => "live:record:listCallbacks",
            Self::Get => "live:record:getCallback",
            Self::Update => "live:record:updateCallback",
            Self::Delete => "live:record:deleteCallback",
            Self::ListRules => "live:record:listRules",
            Self::IssueToken
            | Self::ListProjects
            | Self::IssueTemporaryKey
            | Self::IssueFederatedToken
            | Self::AssumeWithOidc
            | Self::IssueMetadataToken
            | Self::ReadMetadataKey
            | Self::AssumePodIdentity
            | Self::Unknown => "",
        }
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedCall {
    /// Its number, from 1, in the order of arrival.
    pub seq: u64,
    /// When it had arrived whole, by this machine's clock.
    pub at: Timestamp,
    /// When its answer was handed to the connection; `None` while in progress, or if it never was.
    pub answered_at: Option<Timestamp>,
    /// What it asked for.
    pub operation: LoggedOperation,
    /// The method.
    pub method: String,
    /// Path and query as they stood on the request line.
    pub target: String,
    /// The JSON body, with the digest of the sign key in place of the key.
    pub body: Option<Value>,
    /// Who called: `ak:` and the access key, or `token:` and a digest.
    pub credential: Option<String>,
    /// The status of the answer; `None` while there is none, or when it was withheld.
    pub status: Option<u16>,
    /// The error code of the answer.
    pub error_code: Option<String>,
    /// The id sent in `X-Request-Id`.
    pub request_id: String,
    /// Whether it changed a row.
    pub committed: bool,
    /// The row that it read or changed.
    pub row_id: Option<String>,
    /// The fault that befell it.
    pub fault: Option<String>,
}

impl LoggedCall {
    /// Whether the caller got a whole answer, as far as the cloud can tell.
    pub fn is_answered(&self) -> bool {
        self.answered_at.is_some()
    }
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LoggedChange {
    /// It came into being.
    Created,
    /// Some of its fields changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// Who changed a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LoggedCause {
    /// The call of this number.
    Call(u64),
    /// Somebody else, out of band.
    OutOfBand,
}

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mutation {
    /// Its number, from 1.
    pub seq: u64,
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// What happened.
    pub change: LoggedChange,
    /// Who did it.
    pub cause: LoggedCause,
    /// The row after the change; of a deletion, before it.
    pub row: StoredRow,
}

/// Sums over the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls in all.
    pub calls: usize,
    /// Calls by operation.
    pub by_operation: BTreeMap<LoggedOperation, usize>,
    /// Calls by the status of their answer.
    pub by_status: BTreeMap<u16, usize>,
    /// Calls by the error code of their answer.
    pub by_error_code: BTreeMap<String, usize>,
    /// Calls of the five operations in the busiest 60 seconds.
    pub busiest_minute: usize,
    /// Rows created, updated and deleted by calls.
    pub mutations: usize,
}

/// The log of one simulated cloud.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: Vec<LoggedCall>,
    mutations: Vec<Mutation>,
}

impl Log {
    /// Numbers a call and stores it.
    pub(crate) fn open(&mut self, mut call: LoggedCall) -> u64 {
        call.seq = next(self.calls.len());
        let seq = call.seq;
        self.calls.push(call);
        seq
    }

    /// Changes a stored call and returns it.
    pub(crate) fn update(
        &mut self,
        seq: u64,
        change: impl FnOnce(&mut LoggedCall),
    ) -> Option<LoggedCall> {
        let index = usize::try_from(seq).ok()?.checked_sub(1)?;
        let call = self.calls.get_mut(index)?;
        change(call);
        Some(call.clone())
    }

    pub(crate) fn record(
        &mut self,
        at: Timestamp,
        change: LoggedChange,
        cause: LoggedCause,
        row: StoredRow,
    ) {
        let seq = next(self.mutations.len());
        self.mutations.push(Mutation {
            seq,
            at,
            change,
            cause,
            row,
        });
    }

    pub(crate) fn call(&self, seq: u64) -> Option<&LoggedCall> {
        self.calls.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    pub(crate) fn calls(&self) -> &[LoggedCall] {
        &self.calls
    }

    pub(crate) fn mutations(&self) -> &[Mutation] {
        &self.mutations
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = Counters {
            calls: self.calls.len(),
            ..Counters::default()
        };
        for call in &self.calls {
            *counters.by_operation.entry(call.operation).or_default() += 1;
            if let Some(status) = call.status {
                *counters.by_status.entry(status).or_default() += 1;
            }
            if let Some(code) = &call.error_code {
                *counters.by_error_code.entry(code.clone()).or_default() += 1;
            }
        }
        counters.busiest_minute = busiest_minute(&self.calls);
        counters.mutations = self
            .mutations
            .iter()
            .filter(|mutation| mutation.cause != LoggedCause::OutOfBand)
            .count();
        counters
    }
}

fn next(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1)
}

fn busiest_minute(calls: &[LoggedCall]) -> usize {
    let times: Vec<i64> = calls
        .iter()
        .filter(|call| call.operation.is_live())
        .map(|call| call.at.as_millisecond())
        .collect();
    let mut busiest = 0;
    let mut start = 0;
    for (end, time) in times.iter().enumerate() {
        while times.get(start).is_some_and(|first| time - first >= 60_000) {
            start += 1;
        }
        busiest = busiest.max(end + 1 - start);
    }
    busiest
}

/// A request body as it may be logged: JSON, with the digest of the sign key in place of the key.
pub(crate) fn loggable_body(body: &[u8]) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    if let Some(key) = body.get_mut("key") {
        *key = Value::from(match key.as_str() {
            Some(text) => key_digest(text),
            None => key_digest(&key.to_string()),
        });
    }
    Some(body)
}

/// How a sign key is shown.
pub(crate) fn key_digest(key: &str) -> String {
    format!("sha256:{}", sign::sha256_hex(key.as_bytes()))
}
