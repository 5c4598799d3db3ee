//! The lanes of the quota.

/// Who goes first when the quota is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Deletes, updates, requested looks, looks after an unknown outcome.
    Urgent,
    /// First creates and their looks.
    Create,
    /// Retries and sweeps.
    Background,
}

impl Lane {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Create => "create",
            Self::Background => "background",
        }
    }
}
