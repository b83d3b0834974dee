//! Attacks on the engine by native code, in a worker's sandbox and in a machine. `programs/` has the attacks
//! themselves, in C; each test here lets some of them loose, and sees that
//!
//! * they do not get what they are after;
//! * others beside them are served in time, and so are those that come after them;
//! * their sandbox is gone within [`support::END`] once it is stopped, and so is the engine once it is shut down, with
//!   every process.
//!
//! What a test says about the walls that are tried one by one is in `tests/escape`. `bins/workersd/tests/it/attack` has
//! the same attacks beside a server's other users.

mod by_hand;
mod connects;
mod counters;
mod files;
mod ground;
mod kernel;
mod outputs;
mod processes;
mod programs;
mod support;
