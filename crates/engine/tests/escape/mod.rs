//! What a worker must not do, tried. Each file tries things that one layer stops, and says which; each test fails when
//! that layer is taken away.

mod arguments;
mod files;
mod kernel;
mod limits;
mod network;
mod processes;
mod shell;
