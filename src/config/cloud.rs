//! What commands need to know that call the cloud. Grammar and checks only.

use std::time::Duration;

use clap::Args;

use super::duration::between;
use super::names;
use crate::platform::endpoint::AllowList;

/// The items of `--allowed-endpoints`, each once.
pub(super) fn endpoints(text: &str) -> Result<AllowList, String> {
    let items = names::items(text)?;
    if items.is_empty() {
        return Err("the list is empty: no call to the cloud would be allowed".to_owned());
    }
    items.join(",").parse()
}

/// Where a command calls, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CloudArgs {
    /// Where calls to the cloud may go: [http://]host[:port], separated by commas; * is one label of a host
    /// [default: where the cloud's API is]
    #[arg(long, value_name = "ENDPOINTS", value_parser = endpoints)]
    pub allowed_endpoints: Option<AllowList>,
    /// Bound on one call to the cloud
    #[arg(long, value_name = "DURATION", default_value = "15s",
          value_parser = between(Duration::from_millis(100), Duration::from_mins(2)))]
    pub request_timeout: Duration,
}

impl CloudArgs {
    /// Where calls may go: as said here, else as an operator was told, else where the cloud's API is.
    pub fn allowed(&self, operator: Option<&AllowList>) -> AllowList {
        let allowed = self.allowed_endpoints.clone();
        allowed.or_else(|| operator.cloned()).unwrap_or_default()
    }
}
