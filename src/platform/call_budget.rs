//! The calls that somebody may still cause, beside the quota of the account: a call that is made once more, or that turns out to be
//! several, is charged before it is made.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

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

    /// A budget of so many calls, and no more ever.
    pub fn limited_to(calls: u32) -> Self {
        Self::of(CallsLeft(AtomicU32::new(calls)))
    }

    /// Whether so many more calls may be made; then they are spent.
    pub fn spend(&self, calls: u32) -> bool {
        self.0.as_ref().is_none_or(|spender| spender.spend(calls))
    }
}

/// So many calls may be made more.
struct CallsLeft(AtomicU32);

impl SpendCalls for CallsLeft {
    fn spend(&self, calls: u32) -> bool {
        let spend = |left: u32| left.checked_sub(calls);
        self.0.fetch_update(Relaxed, Relaxed, spend).is_ok()
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallBudget")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_enough_for_costs_nothing() {
        let budget = CallBudget::limited_to(3);
        let shared = budget.clone();
        let spent = [(2, true), (2, false), (1, true), (1, false), (0, true)];
        for (calls, expected) in spent {
            assert_eq!(shared.spend(calls), expected, "{calls}");
        }
        assert!(!budget.spend(1), "a clone spends the same calls");
        assert!(CallBudget::default().spend(u32::MAX));
    }
}
