//! What somebody who decides nothing saw of an object at the cloud: a sweep, or the answer to a change. Values only.

use tokio::time::Instant;

use crate::plan::facts::{GetResult, Observed};
use crate::platform::account::AccountKey;
use crate::terms::failure::Failure;

/// What was seen at an object's place by somebody who decides nothing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controller) struct Sighting {
    /// By whom it was seen.
    pub(in crate::controller) account: AccountKey,
    /// What a list showed.
    pub(in crate::controller) observed: Observed,
    /// When that list was begun: in what time at the cloud that was may be known better by now.
    pub(in crate::controller) begun: Instant,
    /// The id that this is told of, where one was asked for or changed: another that is recorded since is not what was meant.
    pub(in crate::controller) about: Option<Box<str>>,
    /// What a GET of that said.
    pub(in crate::controller) get_result: GetResult,
    /// A change of it that was answered as if the callback were gone.
    pub(in crate::controller) not_found: Option<Failure>,
}
