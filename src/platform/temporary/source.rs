//! The sources of the operator's own credentials. Pure.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::platform::keys::{keyed_digest, length_prefixed};

/// Where temporary keys come from.
pub(in crate::platform) enum KeySource {
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
pub(in crate::platform) struct Sts {
    pub(in crate::platform) endpoint: String,
    pub(in crate::platform) provider_urn: String,
    pub(in crate::platform) agency_urn: String,
    pub(in crate::platform) token: IdToken,
    pub(in crate::platform) session_name: String,
    pub(in crate::platform) duration_seconds: u32,
    pub(in crate::platform) policy: Option<String>,
    pub(in crate::platform) policy_ids: Vec<String>,
}

/// An identity token, which somebody else renews.
pub(in crate::platform) enum IdToken {
    Value(SecretString),
    File(PathBuf),
}

impl KeySource {
    /// What it is called.
    pub(in crate::platform) fn name(&self) -> &'static str {
        match self {
            Self::Sts(_) => "OIDC by STS",
            Self::Federation { .. } => "OIDC by IAM",
            Self::Pod { .. } => "CCE pod identity",
            Self::Metadata { .. } => "ECS metadata",
        }
    }

    /// The same for the same source, whatever keys it gives.
    pub(in crate::platform) fn identity(&self) -> String {
        let whole = match self {
            Self::Sts(sts) => {
                length_prefixed(&["sts", &sts.provider_urn, &sts.agency_urn, &sts.endpoint])
            }
            Self::Federation {
                endpoint, idp_id, ..
            } => length_prefixed(&["federation", idp_id, endpoint]),
            Self::Pod { endpoint, path, .. } => length_prefixed(&["pod", endpoint, path]),
            Self::Metadata { endpoint } => length_prefixed(&["metadata", endpoint]),
        };
        keyed_digest("ambient", &whole)
    }
}
