//! Whose account of calls a call is put down to, beside the quota: a call that is made once more, or that turns out to be several, is
//! paid for before it is made.

use std::{fmt, sync::Arc};

/// Counts the calls that are made for somebody.
pub trait Payer: Send + Sync {
    /// Pays for so many calls beyond the one that was asked for: for all of them or, where there are not so many left, for none.
    fn pay(&self, calls: u32) -> bool;
}

/// What calls are paid from. Nobody counts what is made for all, such as sweeps.
#[derive(Clone, Default)]
pub struct Purse(Option<Arc<dyn Payer>>);

impl Purse {
    /// The purse of somebody whose calls are counted.
    pub fn of(payer: impl Payer + 'static) -> Self {
        Self(Some(Arc::new(payer)))
    }

    /// Whether so many more calls may be made; then they are paid for.
    pub fn pay(&self, calls: u32) -> bool {
        self.0.as_ref().is_none_or(|payer| payer.pay(calls))
    }
}

impl fmt::Debug for Purse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purse")
    }
}
