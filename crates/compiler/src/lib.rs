//! The compiler in processes of its own, for code of strangers.
//!
//! Compiling a bundle is running a parser over hostile input. A few kilobytes can keep it busy for minutes, a few
//! megabytes fill the memory, and a bug in it would be a bug in the server. So the server hands sources to a small pool
//! of *compiler processes*: one that takes too much processor time or grows too large is killed and replaced, one that
//! crashes takes nothing along, and a caller that goes away ends its compilation at once. A source is blamed on
//! evidence only; where a process is stopped, starved or killed from outside, another one tries. The one design
//! decision to know: a compiler process is this same program, started with a hidden first argument, so there is one
//! file to install and both sides of the pipe are always of one version.
//!
//! Start with [`ProcessCompiler`], an implementation of [`Compiler`](workers_service::Compiler), and [`run_compiler_if_asked`],
//! which a program that embeds it calls first thing in `main`. What a process is walled from is in `docs/security.md`.
//!
//! Left out on purpose: compiling itself, which is `workers-transpiler`, and who may compile what.
//!
//! ```no_run
//! use workers_compiler::{CompilerOptions, ProcessCompiler, run_compiler_if_asked};
//! use workers_service::Compiler as _;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     run_compiler_if_asked();
//!     tokio::runtime::Runtime::new()?.block_on(async {
//!         let compiler = ProcessCompiler::start(CompilerOptions::default()).await?;
//!         let script = compiler.compile("export const greet = (name: string) => `hello ${name}`").await?;
//!         assert_eq!(script.functions, ["greet"]);
//!         Ok(())
//!     })
//! }
//! ```

mod child;
mod hook;
mod options;
mod pool;
mod wire;

pub use hook::{compiler_main, run_compiler_if_asked};
pub use options::{CompilerOptions, CompilerProgram};
pub use pool::{ProcessCompiler, StartError};
