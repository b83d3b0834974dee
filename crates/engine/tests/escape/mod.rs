//! Tries what a worker must not do. Each file names the layer that stops its attempts; each test fails when that layer
//! is removed.

mod arguments;
mod files;
mod kernel;
mod limits;
mod network;
mod processes;
mod shell;
