//! The operator's own credentials: what the cloud's SDK would find in this process's environment.
//!
//! Which source serves is decided once, by the variables alone; a source that fails is not replaced by another, whose identity
//! would be another. Nothing is asked for before it is needed.

mod choice;
mod environment;

use std::sync::Arc;

pub use self::choice::AmbientError;
use self::choice::{AmbientSource, choose, data_of, missing};
pub use self::environment::Environment;
use crate::platform::credentials::{Credential, CredentialSet};
use crate::platform::endpoint::AllowList;
use crate::platform::temporary::{ServiceClients, TemporaryKeys};

/// Where the metadata service of a machine is.
pub const METADATA: &str = "http://169.254.169.254";

/// What this process's environment gives.
pub struct Ambient {
    environment: Environment,
    credential: Result<Credential, AmbientError>,
}

impl Ambient {
    /// Chooses a source by the variables, and asks nobody. `metadata` is the base URL of the machine's metadata service, as a rule
    /// [`METADATA`].
    pub fn new(
        environment: Environment,
        allowed: &AllowList,
        clients: ServiceClients,
        metadata: &str,
    ) -> Self {
        let credential =
            choose(&environment, allowed, metadata).map(|(found, passed)| match found {
                AmbientSource::Fixed(credential) => credential,
                AmbientSource::Made(source) => {
                    Credential::Ambient(Arc::new(TemporaryKeys::new(source, passed, clients)))
                }
            });
        Self {
            environment,
            credential,
        }
    }

    /// The credentials, and what the environment says of project and addresses. `region` is the one that is wanted, where that is known.
    pub fn set(&self, region: Option<&str>) -> Result<CredentialSet, AmbientError> {
        let credential = self.credential.clone()?;
        let variables = &self.environment;
        let region = region.or_else(|| variables.get(environment::REGION));
        let data = [
            ("region", region),
            ("project_id", variables.get(environment::PROJECT_ID)),
            ("iam_endpoint", variables.get(environment::IAM_ENDPOINT)),
            (
                "live_endpoint",
                region.and_then(|region| variables.live_endpoint(region)),
            ),
        ];
        CredentialSet::around(credential, &data_of(&data)).map_err(|problem| missing(&problem))
    }
}

#[cfg(test)]
mod tests;
