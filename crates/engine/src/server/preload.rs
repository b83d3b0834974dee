//! The code that templates run ahead of programs, once the platform has set it.

use std::sync::{Arc, Mutex, PoisonError};

use workers_domain::ports::NodePreload;

/// The code that templates run ahead of programs. All clones share the same value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preload(Arc<Mutex<Option<NodePreload>>>);

impl Preload {
    /// Sets the code for templates that are made from now on.
    pub(crate) fn set(&self, preload: NodePreload) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(preload);
    }

    /// Returns the code that was set last.
    pub(crate) fn get(&self) -> Option<NodePreload> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
