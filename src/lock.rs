//! One way to take a lock of this process. Nothing waits while it holds one.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guard, although another thread may have panicked with it: what these locks guard is whole after every statement.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
