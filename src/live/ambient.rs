//! The operator's own credentials: what the cloud's SDK would find in this process's environment.
//!
//! Which source serves is decided once, by the variables alone; a source that fails is not replaced by another, whose identity
//! would be another. Nothing is asked for before it is needed.

mod environment;
mod exchange;
mod source;
mod temporary;
mod wire;

use std::{collections::BTreeMap, sync::Arc};

use self::source::{Found, choose};
pub use self::{
    environment::Environment,
    exchange::Ways,
    temporary::{NoKey, Temporary},
};
use super::{
    credentials::{Credential, CredentialSet},
    endpoint::AllowList,
};
use crate::plan::reason::Reason;

/// Why there are no credentials: a condition's reason, and a sentence.
pub type Problem = (Reason, String);

/// Where the metadata service of a machine is.
pub const METADATA: &str = "http://169.254.169.254";

/// What this process's environment gives.
pub struct Ambient {
    environment: Environment,
    credential: Result<Credential, Problem>,
}

impl Ambient {
    /// Chooses a source. `metadata` is the base URL of the machine's metadata service.
    pub fn new(environment: Environment, allowed: &AllowList, ways: Ways, metadata: &str) -> Self {
        let credential =
            choose(&environment, allowed, metadata).map(|(found, passed)| match found {
                Found::Fixed(credential) => credential,
                Found::Made(source) => {
                    Credential::Ambient(Arc::new(Temporary::new(source, passed, ways)))
                }
            });
        Self {
            environment,
            credential,
        }
    }

    /// The credentials, and what the environment says of project and addresses. `region` is the one that is wanted, where that is known.
    pub fn set(&self, region: Option<&str>) -> Result<CredentialSet, Problem> {
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

/// Values as a Secret would hold them.
fn data_of(values: &[(&str, Option<&str>)]) -> BTreeMap<String, Vec<u8>> {
    let present = values
        .iter()
        .filter_map(|(key, value)| Some(((*key).to_owned(), (*value)?.as_bytes().to_vec())));
    present.collect()
}

fn missing(problem: &str) -> Problem {
    let sentence = format!("The operator's own environment: {problem}.");
    (Reason::CredentialsMissing, sentence)
}

#[cfg(test)]
mod tests;
