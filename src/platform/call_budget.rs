//! The calls that somebody may still cause, beside the quota of the account: a call that is made once more, or that turns out to be
//! several, is charged before it is made.

use std::{fmt, sync::Arc};

/// Counts the calls that are made for somebody.
pub trait SpendCalls: Send + Sync {
    /// Spends so many calls beyond the one that was asked for: for all of them or, where there are not so many left, for none.
    fn spend(&self, calls: u32) -> bool;
}

/// What calls are charged to. Nobody counts what is made for all, such as sweeps.
#[derive(Clone, Default)]
pub struct CallBudget(Option<Arc<dyn SpendCalls>>);

impl CallBudget {
    /// The budget of somebody whose calls are counted.
    pub fn of(spender: impl SpendCalls + 'static) -> Self {
        Self(Some(Arc::new(spender)))
    }

    /// Whether so many more calls may be made; then they are spent.
    pub fn spend(&self, calls: u32) -> bool {
        self.0.as_ref().is_none_or(|spender| spender.spend(calls))
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallBudget")
    }
}
