//! What commands need to know that call the cloud.

use std::time::Duration;

use clap::Args;

use super::duration::between;
use super::{RunConfig, names};

/// Where the cloud's API may be unless the user says otherwise.
pub(super) const ENDPOINTS: &str = "live.*.myhuaweicloud.com,iam.*.myhuaweicloud.com,sts.*.myhuaweicloud.com,\
                                    live.*.myhuaweicloud.eu,iam.*.myhuaweicloud.eu,sts.*.myhuaweicloud.eu";

/// The items of `--allowed-endpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedEndpoints(pub Vec<String>);

impl AllowedEndpoints {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let items = names::items(text)?;
        if items.is_empty() {
            return Err("the list is empty: no call to the cloud would be allowed".to_owned());
        }
        Ok(Self(items.into_iter().map(str::to_owned).collect()))
    }
}

/// Where a command calls, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CloudArgs {
    /// Where calls to the cloud may go: [http://]host[:port], separated by commas; * is one label of a host
    /// [default: where the cloud's API is]
    #[arg(long, env, value_name = "ENDPOINTS", value_parser = AllowedEndpoints::parse)]
    pub allowed_endpoints: Option<AllowedEndpoints>,
    /// Bound on one call to the cloud
    #[arg(long, env, value_name = "DURATION", default_value = "15s",
          value_parser = between(Duration::from_millis(100), Duration::from_mins(2)))]
    pub request_timeout: Duration,
}

impl CloudArgs {
    /// Where calls may go: as said here, else as an operator was told, else where the cloud's API is.
    pub fn allowed(&self, operator: Option<&RunConfig>) -> Vec<String> {
        let told = self.allowed_endpoints.as_ref().map(|given| given.0.clone());
        told.or_else(|| operator.map(|config| config.allowed_endpoints.clone()))
            .unwrap_or_else(|| ENDPOINTS.split(',').map(str::to_owned).collect())
    }
}
