//! When an object was last compared with what the cloud holds. Values only.

use std::sync::Arc;

use tokio::time::Instant;

/// When an object was last compared with what the cloud holds, or, where it was not yet, since when that is waited for.
#[derive(Clone)]
pub(in crate::controller) struct LastComparison {
    pub(in crate::controller) at: Instant,
    /// In which project; none of an object that was never seen to have a callback.
    pub(in crate::controller) project: Option<Arc<SweptProject>>,
}

/// A project, and what a sweep showed of it.
pub(in crate::controller) struct SweptProject {
    pub(in crate::controller) region: String,
    pub(in crate::controller) project_id: String,
    /// How many of its callbacks belong to no object, where that can be known.
    pub(in crate::controller) unmanaged: Option<usize>,
}
