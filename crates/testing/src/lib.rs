#![doc = include_str!("../README.md")]

mod access;
mod all_workers;
mod captured_log;
mod clock;
pub mod container_provider;
pub mod event_bus;
mod fake_container_provider;
mod fake_store;
mod http_client;
mod native;
mod postgres;
mod random;
pub mod sandbox_provider;
mod scripted_sandbox_provider;
mod skip;
mod small_buffer;
mod store_conformance;
mod stub_limits;
pub mod transactions;
pub mod worker_repository;
mod workers;

pub use access::{SwitchedPolicy, operator, operator_in, scope_of, scope_of_all, system, system_in};
pub use all_workers::AllWorkers;
pub use captured_log::CapturedLog;
pub use clock::TestClock;
pub use fake_container_provider::{ContainerStep, FakeContainerProvider};
pub use fake_store::FakeStore;
pub use http_client::http_client;
pub use native::compile_native;
pub use postgres::{OpenTransaction, ThrowAwayPostgres};
pub use random::Random;
pub use scripted_sandbox_provider::{ScriptedCall, ScriptedSandboxProvider, Step};
pub use skip::{is_root, skip, skip_unless_root};
pub use small_buffer::connect_with_small_buffer;
pub use stub_limits::StubLimits;
