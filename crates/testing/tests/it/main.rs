//! What holds for the source of the whole workspace, and for the fakes.

mod circles;
mod fake_containers;
mod modules;
