//! System calls on objects that a sandbox shares, on threads of their own.
//!
//! A process of a sandbox can make a call on a shared object block for as long as it likes: it can hold the lock of a
//! pipe, clear `O_NONBLOCK` of a socket that the server is about to connect, or let a socket linger so that closing it
//! waits. On a thread of the runtime such a call would stop everybody else. So:
//!
//! * each sandbox has a [`SandboxIo`], which runs work on few threads at one time; a call that blocks costs its own
//!   sandbox;
//! * what a sandbox shares is a [`SandboxFd`]: its descriptor can be had only on such a thread ([`OnSandboxThread`] is
//!   the proof), and its drop closes it on such a thread;
//! * a watchdog ([`watchdog`]) interrupts calls that take too long, and kills a sandbox whose call cannot be
//!   interrupted;
//! * waiting for readiness is the runtime's: `epoll` takes no lock that a sandbox can hold ([`Watched`]).

mod calls;
mod deadline;
mod descriptor;
mod pool;
mod watchdog;

pub(crate) use calls::{connect, connect_unspec, copy_descriptor, pipe_size, read_memory};
pub(crate) use descriptor::{SandboxFd, Watched};
pub(crate) use pool::{OnSandboxThread, SandboxIo};
