#![doc = include_str!("../README.md")]

mod cgroup;
mod container;
mod copy;
mod data_dir_root;
mod diagnose;
mod engine;
mod environment;
mod fault;
mod file_stamps;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod host;
mod launcher;
mod message;
mod network;
mod options;
mod policy;
mod pressure;
mod sandbox;
mod sandbox_io;
mod server;
mod snapshot;
mod wire;

pub use container::{ContainerEngine, ContainerOptions};
pub use diagnose::{Finding, FindingStatus, diagnose, diagnose_containers, is_in_use};
pub use engine::Engine;
pub use host::{SANDBOX_DESCRIPTORS, host_capacity};
#[doc(hidden)]
pub use launcher::isolation_layer::IsolationLayer;
pub use launcher::{TEMPLATE_CALLS, launcher_main, run_launcher_if_asked};
pub use options::{EngineOptions, Isolation, LauncherProgram, NetworkOptions, TemplateLibrary, Templates};
/// For the program that embeds the engine, because no other crate depends on `engine-sys`.
pub use workers_engine_sys::{give_memory_back, trim_memory};
