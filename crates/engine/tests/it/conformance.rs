//! Runs the conformance suite of sandbox providers against the engine, with isolation and without.

use std::ops::Deref;

use workers_domain::ports::SandboxProvider;
use workers_engine::Isolation;
use workers_testing::{sandbox_conformance, sandbox_memory_conformance};

use crate::support::{TestEngine, Tested};

impl<const FORKED: bool> Deref for Tested<FORKED> {
    type Target = dyn SandboxProvider;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

async fn isolated_engine() -> TestEngine {
    TestEngine::start(Isolation::Full).await
}

async fn engine_without_isolation() -> TestEngine {
    TestEngine::start(Isolation::None).await
}

sandbox_conformance!(isolated, isolated_engine);
async fn forked_engine() -> Tested<true> {
    Tested::start(Isolation::Full).await
}

sandbox_conformance!(forked, forked_engine);
sandbox_conformance!(without_isolation, engine_without_isolation);

async fn copying_engine() -> TestEngine {
    TestEngine::copying().await
}

sandbox_conformance!(copying, copying_engine);
sandbox_memory_conformance!(isolated_memory, isolated_engine);
