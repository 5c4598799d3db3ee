//! Where a callback is, between the words of a status and those of calls.

use crate::api::status::TargetStatus;
use crate::terms::target::Target;

impl From<&Target> for TargetStatus {
    fn from(target: &Target) -> Self {
        Self {
            region: target.region.clone(),
            project_id: target.project_id.clone(),
            endpoint: target.endpoint.clone(),
        }
    }
}

impl From<&TargetStatus> for Target {
    fn from(target: &TargetStatus) -> Self {
        Self {
            region: target.region.clone(),
            project_id: target.project_id.clone(),
            endpoint: target.endpoint.clone(),
        }
    }
}
