//! The sources of the operator's own credentials. Pure.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::live::keys::{joined, keyed_digest};

/// Where temporary keys come from.
pub(super) enum Source {
    /// STS, for an identity token of the cluster.
    Sts(Sts),
    /// IAM, for an identity token of the cluster.
    Federation {
        endpoint: String,
        idp_id: String,
        token_file: PathBuf,
    },
    /// The agent of the cluster, for a token of the pod.
    Pod {
        endpoint: String,
        path: String,
        token_file: PathBuf,
        /// Whether it is on this machine.
        is_local: bool,
    },
    /// The machine.
    Metadata { endpoint: String },
}

/// What is asked of STS.
pub(super) struct Sts {
    pub(super) endpoint: String,
    pub(super) provider_urn: String,
    pub(super) agency_urn: String,
    pub(super) token: IdToken,
    pub(super) session_name: String,
    pub(super) duration_seconds: u32,
    pub(super) policy: Option<String>,
    pub(super) policy_ids: Vec<String>,
}

/// An identity token, which somebody else renews.
pub(super) enum IdToken {
    Value(SecretString),
    File(PathBuf),
}

impl Source {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sts(_) => "OIDC by STS",
            Self::Federation { .. } => "OIDC by IAM",
            Self::Pod { .. } => "CCE pod identity",
            Self::Metadata { .. } => "ECS metadata",
        }
    }

    /// The same for the same source, whatever keys it gives.
    pub(super) fn identity(&self) -> String {
        let whole = match self {
            Self::Sts(sts) => joined(&["sts", &sts.provider_urn, &sts.agency_urn, &sts.endpoint]),
            Self::Federation {
                endpoint, idp_id, ..
            } => joined(&["federation", idp_id, endpoint]),
            Self::Pod { endpoint, path, .. } => joined(&["pod", endpoint, path]),
            Self::Metadata { endpoint } => joined(&["metadata", endpoint]),
        };
        keyed_digest("ambient", &whole)
    }
}
