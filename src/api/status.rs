//! The status of a `RecordingCallback`, on the wire. Types only: no rule here may ever let the API server refuse a status
//! that carries an id, and nothing that somebody wrote into a status may stop us from reading the object.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// What the operator did and saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation of the spec that this status speaks of; -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Id of the remote callback, only of one that is ours.
    #[serde(
        default,
        rename = "callbackID",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_id: Option<String>,
    /// Request id of the newest change at the cloud.
    #[serde(default, rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Where the callback was created or found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetStatus>,
    /// Whether the callback existed before this object did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// The deletion policy in force: `Delete` or `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// The newest change at the cloud, or the look that fails at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_operation: Option<OperationStatus>,
    /// The newest 10 changes at the cloud, newest first; equal neighbours are folded into one with a count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationStatus>,
    /// Failures in a row; drives the backoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i64>,
    /// When the next attempt comes, while failing or queued.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub next_attempt_time: Option<Timestamp>,
    /// Id of the newest create attempt whose outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_operation: Option<String>,
    /// What was last sent with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentStatus>,
    /// The cloud's callback after our last write, or as last seen to differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteStatus>,
    /// What would be done at the cloud, for objects that only look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Digest of the credential that the cloud rejected, while it is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_credential: Option<String>,
    /// The newest `live.huaweicloud.com/reconcile-requested-at` that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// `Ready` always; `Reconciling` and `Stalled` only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Region, project and address of a callback.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Region, such as `cn-north-4`.
    #[serde(default)]
    pub region: String,
    /// Project id.
    #[serde(default, rename = "projectID")]
    pub project_id: String,
    /// Base URL of the Live API.
    #[serde(default)]
    pub endpoint: String,
}

/// One call to the cloud and how it ended; in `operations` also several equal ones in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// `Create`, `Update`, `Delete`, `Get` or `List`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// `Succeeded`, `Rejected`, `Unknown` (a change that may have happened) or `Failed` (a look, or never sent).
    #[serde(default)]
    pub outcome: String,
    /// HTTP status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i64>,
    /// The cloud's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The cloud's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The cloud's request id, for its support.
    #[serde(default, rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it ended, in cloud time.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub time: Option<Timestamp>,
    /// Which attempt in a row this was, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// How many equal calls are folded into this entry of `operations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// When the first of them ended.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub first_time: Option<Timestamp>,
}

/// What was last sent to the cloud with success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentStatus {
    /// Callback URL.
    #[serde(
        default,
        rename = "notifyCallbackURL",
        skip_serializing_if = "Option::is_none"
    )]
    pub notify_callback_url: Option<String>,
    /// Subscribed events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify_event_subscription: Vec<String>,
    /// Signature type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<String>,
    /// A digest of the sign key, salted with the object's UID; absent when no key was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<String>,
}

/// A remote callback as the cloud told it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteStatus {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Callback URL.
    #[serde(
        default,
        rename = "notifyCallbackURL",
        skip_serializing_if = "Option::is_none"
    )]
    pub notify_callback_url: Option<String>,
    /// Subscribed events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify_event_subscription: Vec<String>,
    /// Signature type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<String>,
    /// When it was created, in the cloud's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<String>,
    /// When it was last changed, in the cloud's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<String>,
}

/// What managing the object would do at the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// `Create`, `Update`, `Adopt` or `None`.
    #[serde(default)]
    pub action: String,
    /// The fields that would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeStatus>,
}

/// One field that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// Name of the spec field.
    #[serde(default)]
    pub field: String,
    /// The value at the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A condition as of Kubernetes' API conventions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// One word of the reasons table.
    #[serde(default)]
    pub reason: String,
    /// A sentence for a person: what is wrong, where, what to do.
    #[serde(default)]
    pub message: String,
    /// When `status` last changed.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub last_transition_time: Option<Timestamp>,
    /// The generation that this condition speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// A time, or `None` for anything that is not one.
fn lenient_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| value.as_str()?.parse().ok()))
}
