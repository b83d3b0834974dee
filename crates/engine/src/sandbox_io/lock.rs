//! The mutexes of the threads that work for sandboxes.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one statement, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
