//! The errors that the simulated cloud answers with: code, status and text as documented.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::log::LoggedOperation;

/// An error reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudRefusal {
    /// HTTP status.
    pub status: u16,
    /// `error_code`.
    pub code: String,
    /// `error_msg`.
    pub message: String,
    /// `error_detail`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl CloudRefusal {
    /// An error of this status, code and message.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            detail: None,
        }
    }

    /// The same error with an `error_detail`.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// 400: a parameter is wrong, or the ingest domain does not exist.
    pub fn bad_parameter(detail: impl Into<String>) -> Self {
        Self::new(400, "LIVE.100011001", "Request Illegal").with_detail(detail)
    }

    /// 401, not 403: the credential may not call this operation.
    pub fn permission_denied(operation: LoggedOperation) -> Self {
        Self::new(401, "LIVE.100011003", "No permission to access the API.")
            .with_detail(operation.action())
    }

    /// 400: plain HTTP.
    pub fn https_only() -> Self {
        Self::new(
            400,
            "LIVE.100011004",
            "The protocol is not supported. Use HTTPS.",
        )
    }

    /// 500, although it is throttling: too many calls in progress.
    pub fn too_many_concurrent_calls() -> Self {
        Self::new(
            500,
            "LIVE.100011007",
            "The number of concurrent API requests exceeds the limit.",
        )
    }

    /// 400: the path exists, the method does not.
    pub fn method_not_supported() -> Self {
        Self::new(
            400,
            "LIVE.100011011",
            "The request method is not supported.",
        )
    }

    /// 400: the body is not declared as JSON.
    pub fn unsupported_media_type() -> Self {
        Self::new(400, "LIVE.100011012", "Unsupported media type.")
    }

    /// 401: the account is frozen, deleted or in arrears.
    pub fn account_frozen() -> Self {
        Self::new(
            401,
            "LIVE.100011014",
            "The account is frozen or its balance is insufficient.",
        )
    }

    /// 401: the project of the path is not the credential's.
    pub fn wrong_project() -> Self {
        Self::new(401, "LIVE.100011015", "Project ID verification failed.")
    }

    /// The domain and app already have a callback.
    pub fn already_exists(status: u16) -> Self {
        Self::new(status, "LIVE.103011018", "The resource already exists.")
    }

    /// The id does not exist.
    pub fn missing(status: u16, code: &str) -> Self {
        let message = match code {
            "LIVE.100011001" => "Request Illegal",
            _ => "The resource does not exist.",
        };
        Self::new(status, code, message)
    }

    /// 404: no such API. Also what a token without a project meets.
    pub fn no_such_api() -> Self {
        Self::new(
            404,
            "APIG.0101",
            "The API does not exist or has not been published in the environment",
        )
    }

    /// 413: the body is larger than 12 MB.
    pub fn too_large() -> Self {
        Self::new(413, "APIG.0201", "Request entity too large")
    }

    /// 401: the credential is not accepted.
    pub fn unauthenticated(cause: &str) -> Self {
        Self::new(
            401,
            "APIG.0301",
            format!("Incorrect IAM authentication information: {cause}"),
        )
    }

    /// 401: the signature's date is too far from the cloud's clock.
    pub fn clock_skew() -> Self {
        Self::new(
            401,
            "APIG.0303",
            "Incorrect app authentication information: signature expired",
        )
    }

    /// 401: the token has expired.
    pub fn token_expired() -> Self {
        Self::new(401, "APIG.0307", "The token must be updated.")
    }

    /// 429: too many calls in a minute.
    pub fn throttled(policy: &str, limit: u32) -> Self {
        let message = format!(
            "The throttling threshold has been reached: policy {policy} over ratelimit,limit:{limit},time:1 minute"
        );
        Self::new(429, "APIG.0308", message)
    }

    /// The JSON body. Errors of the gateway carry the request id.
    pub fn body(&self, request_id: &str) -> Value {
        let mut body = json!({"error_code": self.code, "error_msg": self.message});
        if let Some(detail) = &self.detail {
            insert(&mut body, "error_detail", detail);
        }
        if self.code.starts_with("APIG") {
            insert(&mut body, "request_id", request_id);
        }
        body
    }
}

fn insert(object: &mut Value, name: &str, value: &str) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), Value::from(value));
    }
}
