//! Callbacks of a sandbox provider, for metrics.

/// Learns what becomes of sandboxes. Its methods must not block.
pub trait SandboxObserver: Send + Sync {
    /// A sandbox was killed and does not end. Nothing waits for it any more, and its place is free.
    fn set_aside(&self);

    /// A sandbox that was set aside has ended, or its launcher has.
    fn ended_after_all(&self);
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSandboxObserver;

impl SandboxObserver for NoSandboxObserver {
    fn set_aside(&self) {}

    fn ended_after_all(&self) {}
}
