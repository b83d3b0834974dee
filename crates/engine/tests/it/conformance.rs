//! Runs the conformance suite of sandbox providers against the engine, with walls and without.

use std::ops::Deref;

use workers_domain::ports::SandboxProvider;
use workers_engine::Confinement;
use workers_testing::{sandbox_conformance, sandbox_memory_conformance};

use crate::support::{TestEngine, Tested};

impl<const FORKED: bool> Deref for Tested<FORKED> {
    type Target = dyn SandboxProvider;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

async fn confined_engine() -> TestEngine {
    TestEngine::start(Confinement::Full).await
}

async fn unconfined_engine() -> TestEngine {
    TestEngine::start(Confinement::Unconfined).await
}

sandbox_conformance!(confined, confined_engine);
async fn forked_engine() -> Tested<true> {
    Tested::start(Confinement::Full).await
}

sandbox_conformance!(forked, forked_engine);
sandbox_conformance!(unconfined, unconfined_engine);

async fn copying_engine() -> TestEngine {
    TestEngine::copying().await
}

sandbox_conformance!(copying, copying_engine);
sandbox_memory_conformance!(confined_memory, confined_engine);
