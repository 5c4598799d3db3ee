//! What a successful call brings. Values only.

use jiff::Timestamp;

use crate::plan::facts::row::Row;

/// A 2xx answer that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What the body said.
    pub value: T,
    /// HTTP status.
    pub http_status: u16,
    /// `X-Request-Id`.
    pub request_id: Option<String>,
    /// When the answer came, in cloud time.
    pub at: Timestamp,
    /// What the cloud's clock showed when it answered, by the answer's own `Date`.
    pub date: Option<Timestamp>,
}

/// The largest page of a list that the cloud gives.
pub const PAGE: u32 = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many callbacks the whole list has, by the cloud's word.
    pub total: u64,
    /// The rows of this page.
    pub rows: Vec<Row>,
}
