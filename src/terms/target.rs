//! Where calls go: region, project and address. A value only, written as the record of a create keeps it.

use serde::{Deserialize, Serialize};

/// The project of a region that calls are about, and the address of the service there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Region, such as `cn-north-4`.
    pub region: String,
    /// Project id.
    #[serde(rename = "projectID")]
    pub project_id: String,
    /// Base URL of the service without a final slash.
    pub endpoint: String,
}

impl Target {
    /// Whether both name the same region and project; the address may differ.
    pub fn same_project(&self, other: &Self) -> bool {
        self.region == other.region && self.project_id == other.project_id
    }
}
