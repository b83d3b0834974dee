//! Runs the conformance suite of machine providers against the engine.

use std::ops::Deref;

use workers_domain::ports::MachineProvider;
use workers_testing::machine_conformance;

use super::support::Machines;

impl Deref for Machines {
    type Target = dyn MachineProvider;

    fn deref(&self) -> &Self::Target {
        &self.engine
    }
}

async fn engine_of_machines() -> Machines {
    Machines::start().await
}

machine_conformance!(engine, engine_of_machines);
