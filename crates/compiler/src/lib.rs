#![doc = include_str!("../README.md")]

mod child;
mod hook;
mod options;
mod pool;
mod wire;

pub use hook::{compiler_main, run_compiler_if_asked};
pub use options::{CompilerOptions, CompilerProgram};
pub use pool::{ProcessCompiler, StartError};
