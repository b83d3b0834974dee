//! Runs the conformance suite of machine providers against the fake.

use std::ops::Deref;

use workers_domain::ports::MachineProvider;
use workers_testing::machine_provider::machine_script;
use workers_testing::{FakeMachineProvider, machine_conformance};

struct Fake(FakeMachineProvider);

impl Deref for Fake {
    type Target = dyn MachineProvider;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

async fn fake_provider() -> Fake {
    Fake(FakeMachineProvider::new(machine_script))
}

machine_conformance!(fake, fake_provider);
