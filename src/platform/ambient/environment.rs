//! The variables of this process that the cloud's SDK knows. White space at a value's ends is cut, an empty value is an absent one.
//!
//! No I/O but [`Environment::of_process`]. Some values are secrets, so there is no `Debug`.

use std::{collections::BTreeMap, env};

pub(super) const AK: &str = "HUAWEICLOUD_SDK_AK";
pub(super) const SK: &str = "HUAWEICLOUD_SDK_SK";
pub(super) const SECURITY_TOKEN: &str = "HUAWEICLOUD_SDK_SECURITY_TOKEN";
pub(super) const PROJECT_ID: &str = "HUAWEICLOUD_SDK_PROJECT_ID";
pub(super) const REGION: &str = "HUAWEICLOUD_SDK_REGION";
pub(super) const IAM_ENDPOINT: &str = "HUAWEICLOUD_SDK_IAM_ENDPOINT";
/// The start of the names of all variables that are kept.
const PREFIXES: [&str; 2] = ["HUAWEICLOUD_", "HC_CONTAINER_"];

/// The variables.
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables that this process was started with.
    pub fn of_process() -> Self {
        Self::new(env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Variables by name and value.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(name, value)| known(name) && !value.is_empty());
        Self(variables.collect())
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a variable that is known to be set.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The first address that is set for Live in a region.
    pub(super) fn live_endpoint(&self, region: &str) -> Option<&str> {
        let region = region.replace('-', "_").to_ascii_uppercase();
        let endpoints = self.get(&format!("{REGION}_LIVE_{region}"))?;
        endpoints.split(',').next().map(str::trim)
    }

    /// Which of these are not set, as a sentence has it.
    pub(super) fn lacks(&self, names: &[&str]) -> String {
        let lacking: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| self.get(name).is_none())
            .collect();
        let verb = if lacking.len() == 1 { "is" } else { "are" };
        format!("{} {verb} not set", lacking.join(" and "))
    }
}
