//! What was seen of an object's callback at the cloud. Values only.

use jiff::{SignedDuration, Timestamp};

use crate::plan::facts::row::Row;
use crate::terms::failure::Failure;

/// How old a look may be that a create relies on.
pub const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// What lies at the object's place. *Absent* and *could not ask* are different things.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Nobody looked yet.
    Unasked,
    /// The look failed.
    Unknown(Failure),
    /// Nothing lies there; `proven` when the look could tell.
    Absent {
        /// When the look began, in cloud time.
        begun: Timestamp,
        /// Whether this look was of the kind that proves absence.
        proven: bool,
    },
    /// One row lies there.
    Present {
        /// When the look began, in cloud time.
        begun: Timestamp,
        /// The row.
        row: Row,
    },
    /// Several rows lie there.
    Several {
        /// When the look began, in cloud time.
        begun: Timestamp,
        /// The rows, oldest first.
        rows: Vec<Row>,
    },
}

impl Observed {
    /// What a look that began at `begun` found.
    pub fn seen(begun: Timestamp, mut rows: Vec<Row>, proven: bool) -> Self {
        if rows.len() > 1 {
            rows.sort_by(|a, b| (a.create_time, &a.id).cmp(&(b.create_time, &b.id)));
            return Self::Several { begun, rows };
        }
        match rows.pop() {
            Some(row) => Self::Present { begun, row },
            None => Self::Absent { begun, proven },
        }
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Unasked | Self::Unknown(_) | Self::Absent { .. } => &[],
            Self::Present { row, .. } => std::slice::from_ref(row),
            Self::Several { rows, .. } => rows,
        }
    }

    /// Whether it was answered, by a look that would have shown whatever lies there.
    pub fn tells_all(&self) -> bool {
        match self {
            Self::Unasked | Self::Unknown(_) => false,
            Self::Absent { proven, .. } => *proven,
            Self::Present { .. } | Self::Several { .. } => true,
        }
    }

    /// When the look began, if it was answered.
    pub fn begun(&self) -> Option<Timestamp> {
        match self {
            Self::Unasked | Self::Unknown(_) => None,
            Self::Absent { begun, .. }
            | Self::Present { begun, .. }
            | Self::Several { begun, .. } => Some(*begun),
        }
    }

    /// The same, by a look that began then.
    #[must_use]
    pub fn begun_at(mut self, moment: Timestamp) -> Self {
        match &mut self {
            Self::Unasked | Self::Unknown(_) => {}
            Self::Absent { begun, .. }
            | Self::Present { begun, .. }
            | Self::Several { begun, .. } => *begun = moment,
        }
        self
    }

    /// Whether it was answered, by a look that began at or after `moment`.
    pub fn since(&self, moment: Timestamp) -> bool {
        self.begun().is_some_and(|begun| begun >= moment)
    }
}

/// What a GET by id said.
#[derive(Debug, Clone, PartialEq)]
pub enum GetResult {
    /// Nobody asked yet.
    Unasked,
    /// It failed.
    Unknown(Failure),
    /// The cloud says that there is no such id.
    Gone,
    /// The row.
    Row(Row),
}
