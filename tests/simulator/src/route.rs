//! Which operation a request asks for, by its method and path.

use http::Method;

use crate::log::LoggedOperation;
use crate::sign::percent_decode;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The recording-callback API, with a method that it has or not.
    Live {
        operation: LoggedOperation,
        project_id: String,
        id: Option<String>,
    },
    /// IAM, STS, the metadata service or the pod-identity endpoint.
    Iam(LoggedOperation),
    /// Nothing.
    Unknown,
}

impl Route {
    /// Where a request goes.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let decoded: Option<Vec<String>> = path
            .split('/')
            .skip(1)
            .map(|segment| String::from_utf8(percent_decode(segment)).ok())
            .collect();
        let decoded = decoded.unwrap_or_default();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (project, id) = match segments.as_slice() {
            ["v1", project, "record", "callbacks"] => (*project, None),
            ["v1", project, "record", "callbacks", id] if !id.is_empty() => (*project, Some(*id)),
            ["v1", project, "record", "rules"] => {
                return Self::Live {
                    operation: match method.as_str() {
                        "GET" => LoggedOperation::ListRules,
                        _ => LoggedOperation::Unknown,
                    },
                    project_id: (*project).to_owned(),
                    id: None,
                };
            }
            path => return iam_operation(method, path).map_or(Self::Unknown, Self::Iam),
        };
        Self::Live {
            operation: live_operation(method, id.is_some()),
            project_id: project.to_owned(),
            id: id.map(str::to_owned),
        }
    }

    /// What the request asks for.
    pub(crate) fn operation(&self) -> LoggedOperation {
        match self {
            Self::Live { operation, .. } | Self::Iam(operation) => *operation,
            Self::Unknown => LoggedOperation::Unknown,
        }
    }
}

fn live_operation(method: &Method, on_row: bool) -> LoggedOperation {
    match (method.as_str(), on_row) {
        ("POST", false) => LoggedOperation::Create,
        ("GET", false) => LoggedOperation::List,
        ("GET", true) => LoggedOperation::Get,
        ("PUT", true) => LoggedOperation::Update,
        ("DELETE", true) => LoggedOperation::Delete,
        _ => LoggedOperation::Unknown,
    }
}

fn iam_operation(method: &Method, path: &[&str]) -> Option<LoggedOperation> {
    match (method.as_str(), path) {
        ("POST", ["v3", "auth", "tokens"]) => Some(LoggedOperation::IssueToken),
        ("GET", ["v3", "projects"]) => Some(LoggedOperation::ListProjects),
        ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) => {
            Some(LoggedOperation::IssueTemporaryKey)
        }
        ("POST", ["v3.0", "OS-AUTH", "id-token", "tokens"]) => {
            Some(LoggedOperation::IssueFederatedToken)
        }
        ("POST", ["v5", "agencies", "assume-with-oidc"]) => Some(LoggedOperation::AssumeWithOidc),
        ("PUT", ["meta-data", "latest", "api", "token"]) => {
            Some(LoggedOperation::IssueMetadataToken)
        }
        ("GET", ["openstack", "latest", "securitykey"]) => Some(LoggedOperation::ReadMetadataKey),
        ("POST", ["pod-identity", "credentials"]) => Some(LoggedOperation::AssumePodIdentity),
        _ => None,
    }
}
