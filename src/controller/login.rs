//! From a set of credentials and a spec to who calls, and where. No I/O.

use crate::api::RecordingCallbackSpec;
use crate::live::credentials::{Credential, CredentialSet};
use crate::live::endpoint::{AllowList, Endpoint, Service};
use crate::plan::reason::Reason;

/// Why there is no login: the condition's reason and sentence.
pub(super) type Problem = (Reason, String);

/// Who calls, and where; all of it allowed.
pub(super) struct Login {
    pub(super) credential: Credential,
    pub(super) region: String,
    /// To be asked of IAM when absent.
    pub(super) project_id: Option<String>,
    pub(super) live_endpoint: String,
    /// Empty where IAM is not needed.
    pub(super) iam_endpoint: String,
}

impl Login {
    /// The spec's region and project go before those of the credentials. `source` says in a sentence where those are.
    pub(super) fn new(
        spec: &RecordingCallbackSpec,
        set: CredentialSet,
        source: &str,
        allowed: &AllowList,
    ) -> Result<Self, Problem> {
        let region = spec.region.clone().or(set.region).ok_or_else(|| {
            let sentence =
                format!("No region is known: write region into {source}, or spec.region.");
            (Reason::CredentialsMissing, sentence)
        })?;
        let project_id = spec.project_id.clone().or(set.project_id);
        let refused = |problem: String| (Reason::EndpointNotAllowed, format!("{problem}."));
        let endpoint = |service, given: Option<String>| {
            endpoint(service, given.as_deref(), &region, allowed).map_err(refused)
        };
        let live_endpoint = endpoint(Service::Live, set.live_endpoint)?;
        let needs_iam = project_id.is_none() || matches!(set.credential, Credential::Password(_));
        let iam_endpoint = if needs_iam {
            endpoint(Service::Iam, set.iam_endpoint)?
        } else {
            String::new()
        };
        Ok(Self {
            credential: set.credential,
            region,
            project_id,
            live_endpoint,
            iam_endpoint,
        })
    }
}

/// The address of a service: the given one or the region's, if it is allowed.
fn endpoint(
    service: Service,
    given: Option<&str>,
    region: &str,
    allowed: &AllowList,
) -> Result<String, String> {
    let endpoint = match given {
        Some(text) => Endpoint::parse(text)?,
        None => Endpoint::of_region(service, region)?,
    };
    allowed.check(&endpoint)?;
    Ok(endpoint.to_string())
}
