//! Runs the conformance suite of container providers against the fake.

use std::ops::Deref;

use workers_domain::ports::ContainerProvider;
use workers_testing::container_provider::container_script;
use workers_testing::{FakeContainerProvider, container_conformance};

struct Fake(FakeContainerProvider);

impl Deref for Fake {
    type Target = dyn ContainerProvider;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

async fn fake_provider() -> Fake {
    Fake(FakeContainerProvider::new(container_script))
}

container_conformance!(fake, fake_provider);
