//! System calls on objects that a sandbox shares, on separate threads.
//!
//! A process of a sandbox can make a call on a shared object block as long as it likes: it can hold the lock of a pipe,
//! clear `O_NONBLOCK` of a socket that the server is about to connect, or let a socket linger so that closing it
//! blocks. On a thread of the runtime such a call would stop everything else. So:
//!
//! * each sandbox has a [`SandboxIo`], which runs work on a few threads at a time; a call that blocks costs only its
//!   own sandbox;
//! * an object that a sandbox shares is a [`SandboxFd`]: its descriptor is available only on such a thread
//!   ([`OnSandboxThread`] is the proof), and dropping it closes it on such a thread;
//! * a watchdog ([`watchdog`]) interrupts calls that take too long, and kills a sandbox whose call cannot be
//!   interrupted;
//! * the runtime waits for readiness: `epoll` takes no lock that a sandbox can hold ([`Watched`]).

mod calls;
mod deadline;
mod descriptor;
mod kill_target;
mod lock;
mod pool;
mod watchdog;

pub(crate) use calls::{connect, connect_unspec, copy_descriptor, pipe_size, read_memory};
pub(crate) use descriptor::{SandboxFd, Watched};
pub(crate) use pool::{OnSandboxThread, SandboxIo};
