//! Another object that owns an object's place, as the facts tell it. A value only; who that is, `ownership` says.

/// Another object that owns the place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub struct OtherOwner {
    /// `namespace/name`.
    pub name: String,
    /// The id in its status.
    pub id: Option<String>,
    /// It is being deleted, so the place will be free.
    pub deleting: bool,
    /// It owns by a record alone, which stops to count when no look with its own credentials succeeds; or by what it claims through another
    /// address of the project, and nothing of that was seen yet.
    pub unproven: bool,
    /// The outcome of its newest create is not known: what it makes may lie there before its status names that.
    pub creating: bool,
    /// It calls the project through another address: what lies there tells whether it owns the place, and that wakes nobody.
    pub afar: bool,
}
