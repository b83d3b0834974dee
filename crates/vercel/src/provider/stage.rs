//! Where in its life a sandbox is, for all who hold a part of it.

use tokio::sync::watch;

/// Where in its life a sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It can be used.
    Running,
    /// It is being ended, by us.
    Ending,
    /// Nothing of it runs.
    Ended,
}

/// The stage, for those who set it.
#[derive(Debug)]
pub(super) struct StageSetter(watch::Sender<Stage>);

/// The stage, for those who look at it.
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

    /// Waits until it is being ended, or nobody is left who could.
    pub(super) async fn ending(&mut self) {
        // The other side is gone only when the sandbox is.
        self.0.wait_for(|stage| *stage != Stage::Running).await.ok();
    }

    /// Waits until it has ended, or nobody is left who could tell.
    pub(super) async fn ended(&mut self) {
        self.0.wait_for(|stage| *stage == Stage::Ended).await.ok();
    }
}
