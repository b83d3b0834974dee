//! The stage of a sandbox's life, shared by all parts that handle the sandbox.

use tokio::sync::watch;

/// The stage of a sandbox's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It can be used.
    Running,
    /// The provider is ending it.
    Ending,
    /// Nothing of it runs any more.
    Ended,
}

/// The writing side of a stage.
#[derive(Debug)]
pub(super) struct StageSetter(watch::Sender<Stage>);

/// The reading side of a stage.
#[derive(Debug, Clone)]
pub(super) struct StageWatch(watch::Receiver<Stage>);

impl StageSetter {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Stage::Running))
    }

    pub(super) fn get(&self) -> Stage {
        *self.0.borrow()
    }

    pub(super) fn set(&self, stage: Stage) {
        self.0.send_replace(stage);
    }

    pub(super) fn watch(&self) -> StageWatch {
        StageWatch(self.0.subscribe())
    }
}

impl StageWatch {
    pub(super) fn get(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until the sandbox is being ended, or the writing side is dropped.
    pub(super) async fn ending(&mut self) {
        // The writing side is dropped together with the sandbox, so an error means the end too.
        self.0.wait_for(|stage| *stage != Stage::Running).await.ok();
    }

    /// Waits until the sandbox has ended, or the writing side is dropped.
    pub(super) async fn ended(&mut self) {
        self.0.wait_for(|stage| *stage == Stage::Ended).await.ok();
    }
}
