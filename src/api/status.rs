//! The status of a `RecordingCallback`, on the wire. Types only: no rule here may ever let the API server refuse a status
//! that carries an id, and nothing that somebody wrote into a status may stop us from reading the object.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// What the operator did at the cloud and saw there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation of the spec that this status tells of; -1 until the operator has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Id of the remote callback; only of one that this object owns.
    #[serde(
        default,
        rename = "callbackID",
        skip_serializing_if = "Option::is_none"
    )]
    pub callback_id: Option<String>,
    /// The cloud's request id of the newest change; name it to the cloud's support.
    #[serde(default, rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Where the callback was created or found. The object keeps to this region and project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetStatus>,
    /// Whether the callback was taken over rather than created by this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// The deletion policy in force, `Delete` or `Retain`: that of the spec, else the one that follows from `adopted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// The newest change at the cloud; while a look that was waited for or asked for fails, that look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_operation: Option<OperationStatus>,
    /// The newest 10 changes at the cloud, newest first; equal ones in a row are one entry with a count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationStatus>,
    /// Failures in a row since the last success; the wait before the next attempt grows with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i64>,
    /// When the next attempt comes; only while failing or queued.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub next_attempt_time: Option<Timestamp>,
    /// Id of the newest attempt to create whose outcome is known, as in the annotation `live.huaweicloud.com/pending-operation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_operation: Option<String>,
    /// What the operator last sent with success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentStatus>,
    /// The callback as the cloud told it after the operator's last write, or as last seen to differ from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteStatus>,
    /// What managing would do at the cloud; only where nothing is managed: under `Observe` and by a read-only operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Digest of the credential that the cloud rejected; only while it is rejected. Not the credential itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_credential: Option<String>,
    /// The newest token of the annotation `live.huaweicloud.com/reconcile-requested-at` that was answered, whatever the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// `Ready` is always there; `Reconciling` and `Stalled` only while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Region, project and address of a callback.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Region, such as `cn-north-4`.
    #[serde(default)]
    pub region: String,
    /// Id of the project.
    #[serde(default, rename = "projectID")]
    pub project_id: String,
    /// Base URL of the Live API.
    #[serde(default)]
    pub endpoint: String,
}

/// One call to the cloud and how it ended; in `operations` also several equal ones in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// `Create`, `Update`, `Delete`, `Get` or `List`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// `Succeeded`, `Rejected`, `Unknown` (a change that may have happened) or `Failed` (a look, or never sent).
    #[serde(default)]
    pub outcome: String,
    /// HTTP status of the answer; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i64>,
    /// The cloud's error code, such as `LIVE.100011001`; absent on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The cloud's own words, or what went wrong when it did not answer; absent on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The cloud's request id; name it to the cloud's support.
    #[serde(default, rename = "requestID", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it ended, by the cloud's clock.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub time: Option<Timestamp>,
    /// Number of this attempt since the last success, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// How many equal calls in a row this entry of `operations` stands for; absent for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// When the first of these calls ended; absent for one.
    #[serde(
        default,
        deserialize_with = "lenient_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub first_time: Option<Timestamp>,
}

/// What was last sent to the cloud with success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentStatus {
    /// URL that notifications go to; absent when nobody is notified.
    #[serde(
        default,
        rename = "notifyCallbackURL",
        skip_serializing_if = "Option::is_none"
    )]
    pub notify_callback_url: Option<String>,
    /// Events that are told of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify_event_subscription: Vec<String>,
    /// How notifications are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<String>,
    /// Digest of the sign key, salted with the object's UID; absent when no key was sent; `unknown` after an update without a key where
    /// one was sent before, since nobody can see whether the cloud has kept that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<String>,
}

/// A remote callback as the cloud told it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteStatus {
    /// Id that the cloud gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// URL that notifications go to; absent when nobody is notified.
    #[serde(
        default,
        rename = "notifyCallbackURL",
        skip_serializing_if = "Option::is_none"
    )]
    pub notify_callback_url: Option<String>,
    /// Events that are told of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify_event_subscription: Vec<String>,
    /// How notifications are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_type: Option<String>,
    /// When it was created, as the cloud wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<String>,
    /// When it was last changed, as the cloud wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<String>,
}

/// What managing the object would do at the cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// `Create`, `Update`, `Adopt` or `None`.
    #[serde(default)]
    pub action: String,
    /// The fields that would change; all of them with `Create`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeStatus>,
}

/// One field that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// Name of the spec field.
    #[serde(default)]
    pub field: String,
    /// The value at the cloud; absent when it holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value of the spec; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A condition as of Kubernetes' API conventions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// Why, in one word, such as `Available` or `RequestRejected`.
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
    /// The generation of the spec that this condition tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// A time, or `None` for anything that is not one.
fn lenient_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| value.as_str()?.parse().ok()))
}
