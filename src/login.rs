//! From a set of credentials and a spec to who calls, and where, and on to the account that this is. Asks IAM for project and
//! token, and for the operator's own key STS or the metadata service; never Live.

pub mod ambient;
pub mod secret;

use std::sync::Arc;

use self::secret::References;
use crate::live::client::Client;
use crate::plan::facts::CloudAccess;
use crate::plan::facts::reason::Reason;
use crate::platform::account::Account;
use crate::platform::credentials::{Credential, CredentialSet};
use crate::platform::endpoint::{AllowList, CloudService, Endpoint};
use crate::platform::iam::ProjectLookupError;
use crate::terms::failure::{Failure, Operation};
use crate::terms::target::Target;

/// Why there is no login: the condition's reason and sentence.
pub type LoginError = (Reason, String);

/// Why it is not known which account a login means.
#[derive(Debug)]
pub enum IdentifyError {
    /// Nobody can tell the project, or gives the operator a key of its own: the sentence says why.
    Ambiguous(String),
    /// The cloud could not be asked, or refused.
    Unknown(Failure),
}

impl From<IdentifyError> for CloudAccess {
    fn from(error: IdentifyError) -> Self {
        match error {
            IdentifyError::Ambiguous(sentence) => Self::Ambiguous(sentence),
            IdentifyError::Unknown(failure) => Self::Unknown(failure),
        }
    }
}

/// Who calls, and where; all of it allowed.
pub struct Login {
    /// As whom.
    pub credential: Arc<Credential>,
    /// Region of the project.
    pub region: String,
    /// To be asked of IAM when absent.
    pub project_id: Option<String>,
    /// Base URL of the Live API.
    pub live_endpoint: String,
    /// Base URL of IAM; empty where it is not needed.
    pub iam_endpoint: String,
}

impl Login {
    /// By what a Secret says. `name` is the Secret's.
    pub fn of_secret(
        references: &References,
        name: &str,
        set: Result<CredentialSet<impl Into<Arc<Credential>>>, String>,
        allowed: &AllowList,
    ) -> Result<Self, LoginError> {
        let source = format!("Secret {name}");
        let set = set.map_err(|problem| {
            let sentence = format!("{source}: {problem}.");
            (Reason::CredentialsMissing, sentence)
        })?;
        Self::new(references, set, &source, allowed)
    }

    /// The spec's region and project go before those of the credentials. `source` says in a sentence where those are.
    pub fn new(
        references: &References,
        set: CredentialSet<impl Into<Arc<Credential>>>,
        source: &str,
        allowed: &AllowList,
    ) -> Result<Self, LoginError> {
        let credential: Arc<Credential> = set.credential.into();
        let region = references.region().or(set.region).ok_or_else(|| {
            let sentence =
                format!("No region is known: write region into {source}, or spec.region.");
            (Reason::CredentialsMissing, sentence)
        })?;
        let project_id = references.project_id().or(set.project_id);
        let refused = |problem: String| (Reason::EndpointNotAllowed, format!("{problem}."));
        let endpoint = |service, named: Option<String>| {
            endpoint(service, named.as_deref(), &region, allowed).map_err(refused)
        };
        let live_endpoint = endpoint(CloudService::Live, set.live_endpoint)?;
        let needs_iam = project_id.is_none() || matches!(*credential, Credential::Password(_));
        let iam_endpoint = if needs_iam {
            endpoint(CloudService::Iam, set.iam_endpoint)?
        } else {
            String::new()
        };
        Ok(Self {
            credential,
            region,
            project_id,
            live_endpoint,
            iam_endpoint,
        })
    }

    /// Completes it with its project, which may take a look-up at IAM. A credential that is stopped gets no further, so that it
    /// waits for no quota.
    pub async fn identify(
        self,
        client: &Client,
        namespace: &str,
    ) -> Result<Account, IdentifyError> {
        if let Some(stopped) = client.strikes.stopped(&self.credential) {
            return Err(IdentifyError::Unknown(stopped.failure(Operation::List)));
        }
        if let Credential::Ambient(temporary) = &*self.credential {
            ambient::obtain(temporary, namespace).await?;
        }
        let project_id = match self.project_id {
            Some(id) => id,
            None => client
                .iam
                .project(
                    &self.iam_endpoint,
                    &self.credential,
                    &self.region,
                    Operation::List,
                )
                .await
                .map_err(|problem| match problem {
                    ProjectLookupError::Ambiguous(sentence) => {
                        IdentifyError::Ambiguous(format!("{sentence}."))
                    }
                    ProjectLookupError::Failed(failure) => IdentifyError::Unknown(failure),
                })?,
        };
        let target = Target {
            region: self.region,
            project_id,
            endpoint: self.live_endpoint,
        };
        Ok(Account::new(target, self.credential, self.iam_endpoint))
    }
}

/// The address of a service: the given one or the region's, if it is allowed.
fn endpoint(
    service: CloudService,
    named: Option<&str>,
    region: &str,
    allowed: &AllowList,
) -> Result<String, String> {
    let endpoint = match named {
        Some(text) => Endpoint::parse(text)?,
        None => Endpoint::of_region(service, region)?,
    };
    allowed.check(&endpoint)?;
    Ok(endpoint.to_string())
}
