//! What templates have done ahead of programs, once the platform has said so.

use std::sync::{Arc, Mutex, PoisonError};

use workers_domain::ports::NodePreload;

/// What templates have done ahead of programs. All clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preload(Arc<Mutex<Option<NodePreload>>>);

impl Preload {
    /// From now on, where templates are made.
    pub(crate) fn set(&self, preload: NodePreload) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(preload);
    }

    /// What was said last.
    pub(crate) fn get(&self) -> Option<NodePreload> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
