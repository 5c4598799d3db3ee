//! Which operation a request asks for, by its method and path.

use http::Method;

use crate::log::Operation;
use crate::sign::percent_decode;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The recording-callback API, with a method that it has or not.
    Live {
        operation: Operation,
        project_id: String,
        id: Option<String>,
    },
    /// IAM, STS, the metadata service or the pod-identity endpoint.
    Iam(Operation),
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
            path => return iam_operation(method, path).map_or(Self::Unknown, Self::Iam),
        };
        Self::Live {
            operation: live_operation(method, id.is_some()),
            project_id: project.to_owned(),
            id: id.map(str::to_owned),
        }
    }

    /// What the request asks for.
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Live { operation, .. } | Self::Iam(operation) => *operation,
            Self::Unknown => Operation::Unknown,
        }
    }
}

fn live_operation(method: &Method, on_row: bool) -> Operation {
    match (method.as_str(), on_row) {
        ("POST", false) => Operation::Create,
        ("GET", false) => Operation::List,
        ("GET", true) => Operation::Get,
        ("PUT", true) => Operation::Update,
        ("DELETE", true) => Operation::Delete,
        _ => Operation::Unknown,
    }
}

fn iam_operation(method: &Method, path: &[&str]) -> Option<Operation> {
    match (method.as_str(), path) {
        ("POST", ["v3", "auth", "tokens"]) => Some(Operation::IssueToken),
        ("GET", ["v3", "projects"]) => Some(Operation::ListProjects),
        ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) => Some(Operation::IssueTemporaryKey),
        ("POST", ["v3.0", "OS-AUTH", "id-token", "tokens"]) => Some(Operation::IssueFederatedToken),
        ("POST", ["v5", "agencies", "assume-with-oidc"]) => Some(Operation::AssumeWithOidc),
        ("PUT", ["meta-data", "latest", "api", "token"]) => Some(Operation::IssueMetadataToken),
        ("GET", ["openstack", "latest", "securitykey"]) => Some(Operation::ReadMetadataKey),
        ("POST", ["pod-identity", "credentials"]) => Some(Operation::AssumePodIdentity),
        _ => None,
    }
}
