//! The `RecordingCallback` resource, on the wire: what a user writes, and the rules that the API server holds it to.
//!
//! Types and rules only. The doc comments of fields are the texts of `kubectl explain` and `docs/api.md`. Reading is
//! tolerant: no word in a stored object may stop us from reading it, for it may have to be let go.

#![allow(
    unreachable_pub,
    reason = "KubeSchema copies each struct into a function, `pub` and all"
)]

pub mod crd;
#[cfg(test)]
mod docs;
#[cfg(test)]
pub(crate) mod generated;
pub mod json_schema;
pub mod status;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Finalizer of every object whose remote callback may have to be deleted.
pub const FINALIZER: &str = "live.huaweicloud.com/recording-callback";
/// Annotation by which a user asks for a look now; any new token will do.
pub const RECONCILE_REQUESTED_AT: &str = "live.huaweicloud.com/reconcile-requested-at";
/// Annotation with the operator's write-ahead record of creates.
pub const PENDING_OPERATION: &str = "live.huaweicloud.com/pending-operation";
/// Annotation of the CRD with the version of its schema.
pub const SCHEMA_VERSION_ANNOTATION: &str = "live.huaweicloud.com/schema-version";
/// The schema version that this program needs; goes up with every field that is added.
pub const SCHEMA_VERSION: u32 = 1;

const DOMAIN_FORM: &str =
    r"self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')";
const NO_WHITE_SPACE: &str = r"!self.matches('[\\p{Z}\\p{Cc}]')";
// CEL has no getter for a URL's user info or fragment, and its isURL accepts blanks.
const URL_FORM: &str = r"self.matches('^https?://(\\[[0-9a-fA-F:.]+\\]|[^/?#@:\\[\\]\\p{Z}\\p{Cc}]+)(:[0-9]{1,5})?(/[^?#\\p{Z}\\p{Cc}]*)?$')";
const EACH_ONCE: &str = "self.all(event, self.exists_one(other, other == event))";
const SECRET_NAME_FORM: &str =
    r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')";
const SECRET_NAME_HELP: &str = "write the name of a Secret: lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part";

/// What the cloud is to hold.
#[derive(
    CustomResource, KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "live.huaweicloud.com",
    version = "v1alpha1",
    kind = "RecordingCallback",
    plural = "recordingcallbacks",
    shortname = "rcb",
    category = "huaweicloud",
    category = "live",
    namespaced,
    status = "status::Status",
    derive = "PartialEq",
    doc = "A recording callback of Huawei Cloud Live: whom the cloud tells when a recording of an ingest domain's streams starts, is complete or fails."
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(oldSelf.region) || has(self.region)")
        .message("region can't be removed once it is set: write the value it had, or create a new object"),
    validation = Rule::new("!has(oldSelf.projectID) || has(self.projectID)")
        .message("projectID can't be removed once it is set: write the value it had, or create a new object")
)]
pub struct RecordingCallbackSpec {
    /// Ingest (push) domain whose recordings are told of, as Live knows it. Immutable.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = Rule::new(DOMAIN_FORM)
            .message("write the domain in lower case without a dot at the end, such as push.example.com: parts of 1 to 63 letters, digits and '-', with a letter or digit at both ends of each part"),
        validation = Rule::new("self == oldSelf")
            .message("publishDomain is immutable: create a new object for another domain and delete this one")
    )]
    pub publish_domain: String,
    /// Name of the application; `*` is every application of the domain that has no callback of its own. Immutable.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(
        validation = Rule::new("self != '**'").message("write \"*\" for every app"),
        validation = Rule::new(NO_WHITE_SPACE)
            .message("write the app without white space and control characters, such as live"),
        validation = Rule::new("self == oldSelf")
            .message("app is immutable: create a new object for another app and delete this one")
    )]
    pub app: String,
    /// URL that the cloud posts notifications to. When absent, nobody is notified.
    #[serde(
        default,
        rename = "notifyCallbackURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048))]
    #[x_kube(
        validation = Rule::new(URL_FORM)
            .message("write http:// or https://, a host and a path, such as https://hooks.example.com/record, without user info, query, fragment and white space; leave the field out to notify nobody")
    )]
    pub notify_callback_url: Option<String>,
    /// Events to tell of, in any order. When absent, `RECORD_FILE_COMPLETE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4), extend("items" = { "type": "string", "enum": EVENTS }))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new(EACH_ONCE).message("write each event once")
    )]
    pub notify_event_subscription: Option<Vec<String>>,
    /// How notifications are signed. When absent, `HMACSHA256`. `MD5` signs nothing of the content: it is not secure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = SIGN_TYPES))]
    pub sign_type: Option<String>,
    /// The key that signs notifications: letters and digits, at least 32. When absent, notifications are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_key_secret_ref: Option<SecretKeyRef>,
    /// Credentials for the cloud: a Secret with the keys `ak` and `sk` (and `security_token` for temporary ones); or `token`;
    /// or `username`, `password` and `domain_name`. It may also have `project_id`, `region`, `live_endpoint` and
    /// `iam_endpoint`. When absent, the operator's own credentials serve, where it allows that for the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretRef>,
    /// Region of the domain, such as `cn-north-4`. When absent, the region of the credentials. May be added once, then immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32))]
    #[x_kube(
        validation = Rule::new("self.matches('^[-a-z0-9]+$')")
            .message("write the region's id in lower-case letters, digits and '-', such as cn-north-4"),
        validation = Rule::new("self == oldSelf")
            .message("region is immutable once it is set: create a new object for another region and delete this one")
    )]
    pub region: Option<String>,
    /// Id of the project of the domain. When absent, the project of the credentials. May be added once, then immutable.
    #[serde(default, rename = "projectID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = Rule::new("self.matches('^[-_A-Za-z0-9]+$')")
            .message("write the project's id, not its name: letters, digits, '-' and '_'"),
        validation = Rule::new("self == oldSelf")
            .message("projectID is immutable once it is set: create a new object for another project and delete this one")
    )]
    pub project_id: Option<String>,
    /// What to do with a callback that the cloud already holds for this domain and app: `Never` reports a conflict,
    /// `IfIdentical` takes it over if it says what this spec says, `Always` takes it over and changes it. When absent, `IfIdentical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["Never", "IfIdentical", "Always"]))]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// What to do with the callback when this object is deleted. When absent, `Delete` for a callback that this object created,
    /// `Retain` for one that it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["Delete", "Retain"]))]
    pub deletion_policy: Option<DeletionPolicy>,
    /// `Manage` makes the cloud hold this spec; `Observe` changes nothing there and tells the difference in `status.plan`.
    /// When absent, `Manage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["Manage", "Observe"]))]
    pub management_policy: Option<ManagementPolicy>,
    /// While true, the cloud is not called for this object; its deletion waits, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// The events that a callback can subscribe to.
pub const EVENTS: [&str; 4] = [
    "RECORD_NEW_FILE_START",
    "RECORD_FILE_COMPLETE",
    "RECORD_OVER",
    "RECORD_FAILED",
];

/// The ways to sign a notification.
pub const SIGN_TYPES: [&str; 2] = ["HMACSHA256", "MD5"];

/// A Secret in the namespace of the object.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// Name of a Secret in the namespace of the object.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(SECRET_NAME_FORM).message(SECRET_NAME_HELP))]
    pub name: String,
}

/// A key of a Secret in the namespace of the object.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretKeyRef {
    /// Name of a Secret in the namespace of the object.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(SECRET_NAME_FORM).message(SECRET_NAME_HELP))]
    pub name: String,
    /// Key in the data of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$')")
            .message("write a key of the Secret's data: letters, digits, '-', '_' and '.'")
    )]
    pub key: String,
}

/// What to do with a remote callback that exists already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdoptionPolicy {
    /// Report a conflict.
    Never,
    /// Take it over if it says what the spec says.
    IfIdentical,
    /// Take it over and change it.
    Always,
    /// A word that this version does not know, from a newer or older schema.
    #[serde(untagged)]
    Unknown(String),
}

/// What to do with the remote callback when its object is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// Delete it, too.
    Delete,
    /// Let it stay.
    Retain,
    /// A word that this version does not know, from a newer or older schema.
    #[serde(untagged)]
    Unknown(String),
}

/// Whether the cloud is made to hold the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagementPolicy {
    /// Make the cloud hold the spec.
    Manage,
    /// Only tell how the cloud differs from it.
    Observe,
    /// A word that this version does not know, from a newer or older schema.
    #[serde(untagged)]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_read_as_what_they_mean() {
        let spec: RecordingCallbackSpec = serde_json::from_value(serde_json::json!({
            "publishDomain": "push.example.com",
            "app": "live",
            "adoptionPolicy": "IfIdentical",
            "deletionPolicy": "Retain",
            "managementPolicy": "Observe",
        }))
        .unwrap();
        assert_eq!(spec.adoption_policy, Some(AdoptionPolicy::IfIdentical));
        assert_eq!(spec.deletion_policy, Some(DeletionPolicy::Retain));
        assert_eq!(spec.management_policy, Some(ManagementPolicy::Observe));
    }

    #[test]
    fn unknown_words_do_not_stop_the_reading_and_are_kept() {
        let written = serde_json::json!({
            "publishDomain": "push.example.com",
            "app": "live",
            "notifyEventSubscription": ["RECORD_START"],
            "signType": "SHA512",
            "adoptionPolicy": "Sometimes",
            "deletionPolicy": "Archive",
            "managementPolicy": "Ignore",
        });
        let spec: RecordingCallbackSpec = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(
            spec.adoption_policy,
            Some(AdoptionPolicy::Unknown("Sometimes".to_owned()))
        );
        assert_eq!(serde_json::to_value(spec).unwrap(), written);
    }
}
