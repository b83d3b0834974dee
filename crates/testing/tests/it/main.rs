//! What holds for the source of the whole workspace.

mod circles;
mod modules;
