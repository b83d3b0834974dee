//! Attacks on the engine by native code, in a worker's sandbox and in a container. `programs/` contains the attacks
//! themselves, in C. Each test here starts some of them, and checks that
//!
//! * they do not get what they try to get;
//! * others beside them are served in time, and so are later ones;
//! * their sandbox is gone within [`support::END`] after it is stopped, and so is the engine after it is shut down,
//!   with every process.
//!
//! `tests/escape` tries the layers of the isolation one by one. `bins/workersd/tests/it/attack` runs the same attacks
//! beside a server's other users.

mod by_hand;
mod connects;
mod counters;
mod files;
mod kernel;
mod outputs;
mod processes;
mod programs;
mod support;
mod target;
