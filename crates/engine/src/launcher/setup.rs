//! What the launcher needs to make a sandbox, and a template to let a child join one.

use workers_engine_sys::SingleThread;
use workers_engine_sys::seccomp::Instruction;

use super::isolation_layer::IsolationLayer;
use crate::message::LauncherContext;

/// The data that making a sandbox uses, in the launcher and in a template.
pub(super) struct Setup {
    pub(super) thread: SingleThread,
    pub(super) context: LauncherContext,
    /// The filter that is added to the launcher's own filter in a sandbox.
    pub(super) filter: Vec<Instruction>,
}

impl Setup {
    /// Returns the layer that a test leaves out. Release builds always return `None`.
    pub(super) fn omitted(&self) -> Option<IsolationLayer> {
        let isolation = self.context.configuration.isolation.as_ref()?;
        isolation.omitted.filter(|_| cfg!(debug_assertions))
    }
}
