//! Callbacks of a sandbox provider, for metrics.

/// Receives events about sandboxes. Its methods must not block.
pub trait SandboxObserver: Send + Sync {
    /// Called when a sandbox was killed but does not end. No caller waits for it any longer, and its permit is
    /// released.
    fn set_aside(&self);

    /// Called when a sandbox that was set aside has ended, or its launcher has.
    fn ended_after_all(&self);
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSandboxObserver;

impl SandboxObserver for NoSandboxObserver {
    fn set_aside(&self) {}

    fn ended_after_all(&self) {}
}
