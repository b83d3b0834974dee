//! Runs the conformance suite of container providers against the engine.

use std::ops::Deref;

use workers_domain::ports::ContainerProvider;
use workers_testing::container_conformance;

use super::support::Containers;

impl Deref for Containers {
    type Target = dyn ContainerProvider;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

async fn engine_of_containers() -> Containers {
    Containers::start().await
}

container_conformance!(engine, engine_of_containers);
