//! The operator's own credentials: what the cloud's SDK would find in this process's environment.
//!
//! Which source serves is decided once, by the variables alone.

mod environment;

use std::collections::BTreeMap;

pub use self::environment::Environment;
use super::credentials::{Credential, CredentialSet};
use crate::plan::reason::Reason;

/// Why there are no credentials: a condition's reason, and a sentence.
pub type Problem = (Reason, String);

/// What this process's environment gives.
pub struct Ambient {
    environment: Environment,
    credential: Result<Credential, Problem>,
}

impl Ambient {
    /// Chooses a source.
    pub fn new(environment: Environment) -> Self {
        let credential = choose(&environment);
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

fn choose(variables: &Environment) -> Result<Credential, Problem> {
    let needed = [environment::AK, environment::SK];
    if needed.iter().any(|name| variables.get(name).is_none()) {
        return Err(missing(&variables.lacks(&needed)));
    }
    let data = [
        ("ak", variables.get(environment::AK)),
        ("sk", variables.get(environment::SK)),
        ("security_token", variables.get(environment::SECURITY_TOKEN)),
    ];
    Credential::read(&data_of(&data)).map_err(|problem| missing(&problem))
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
