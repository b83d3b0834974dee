//! The local sandbox engine: isolated Linux processes that run Node.js on this machine, without a daemon and without root
//! where the kernel allows it.
//!
//! Start with [`Engine::start`] and [`EngineOptions`]; the engine is a
//! [`SandboxProvider`](workers_domain::ports::SandboxProvider). [`diagnose`] says what this machine has and lacks. A program
//! that embeds the engine and wants no second file beside it calls [`run_launcher_if_asked`] first thing in its `main`.
//!
//! A snapshot is a read-only tree of files, kept by content. A sandbox is a process in its own user, pid, mount, network, ipc,
//! uts and cgroup namespaces, in a root that has node and little else, without capabilities, under a filter of system calls, in
//! a cgroup. `docs/security.md` has the layers and what each stops.
//!
//! Left out on purpose: what is run, and how it is spoken to over a command's output (that is `workers-service`); all `unsafe`
//! code (that is `workers-engine-sys`).
//!
//! ```no_run
//! use workers_domain::ports::{CommandSpec, SandboxProvider, SandboxSource, SandboxSpec};
//! use workers_engine::{Engine, EngineOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     workers_engine::run_launcher_if_asked();
//!     tokio::runtime::Runtime::new()?.block_on(async {
//!         let engine = Engine::start(EngineOptions::new("data", "/usr/bin/node")).await?;
//!         let spec = SandboxSpec {
//!             source: SandboxSource::Empty,
//!             limits: Default::default(),
//!             network: Default::default(),
//!         };
//!         let sandbox = engine.create(spec).await?;
//!         let args = vec!["-e".to_owned(), "console.log('hello')".to_owned()];
//!         let mut command = sandbox.run(CommandSpec::named("node", args)).await?;
//!         while let Some(event) = command.next_event().await? {
//!             println!("{event:?}");
//!         }
//!         sandbox.stop().await?;
//!         engine.shutdown().await;
//!         Ok(())
//!     })
//! }
//! ```

mod cgroup;
mod copy;
mod diagnose;
mod engine;
mod environment;
mod fault;
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
pub use launcher::check::Wall;
pub use launcher::{launcher_main, run_launcher_if_asked, serve_template};
pub use machine::{MachineEngine, MachineOptions};
pub use options::{Confinement, EngineOptions, LauncherProgram, NetworkOptions, TemplateLibrary, Templates};
/// For the program that has an engine, which is the only one that sees `engine-sys`.
pub use workers_engine_sys::{give_memory_back, trim_memory};
