//! What a process remembers of a status that the API server does not take, or does not keep. Values only.

use super::Memories;
use crate::api::status::Status;

/// A status that the API server did not take yet.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controller) struct UnwrittenStatus {
    /// The status that the object had.
    pub(in crate::controller) planned_on: Status,
    /// The status that it was to get.
    pub(in crate::controller) status: Status,
    /// How often in a row one was not taken.
    pub(in crate::controller) tries: u32,
}

impl UnwrittenStatus {
    /// Whether two statuses say the same of an object's callback: which it is, and that its create is over.
    pub(in crate::controller) fn say_the_same(one: &Status, other: &Status) -> bool {
        one.callback_id == other.callback_id && one.closed_operation == other.closed_operation
    }
}

impl Memories {
    /// How often in a row a status of an object was not taken.
    pub(in crate::controller) fn write_tries(&self, uid: &str) -> u32 {
        let memories = self.lock();
        let unwritten = memories.get(uid).and_then(|it| it.unwritten.as_ref());
        unwritten.map_or(0, |it| it.tries)
    }
}
