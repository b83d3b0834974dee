#![doc = include_str!("../README.md")]

mod cgroup;
mod copy;
mod diagnose;
mod engine;
mod environment;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod home;
mod host;
mod launcher;
mod machine;
mod message;
mod network;
mod options;
mod policy;
mod pressure;
mod sandbox;
mod sandbox_io;
mod server;
mod snapshot;
mod stamp;
mod wire;

pub use diagnose::{Finding, FindingStatus, diagnose, diagnose_machines, is_in_use};
pub use engine::Engine;
pub use host::{SANDBOX_DESCRIPTORS, host_capacity};
#[doc(hidden)]
pub use launcher::wall::Wall;
pub use launcher::{launcher_main, run_launcher_if_asked, serve_template};
pub use machine::{MachineEngine, MachineOptions};
pub use options::{Confinement, EngineOptions, LauncherProgram, NetworkOptions, TemplateLibrary, Templates};
/// For the program that embeds the engine, because no other crate depends on `engine-sys`.
pub use workers_engine_sys::{give_memory_back, trim_memory};
