//! How a forked node becomes the process of a program: its outputs, its limits, what the kernel shows of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::DumpableBehavior;
use workers_engine_sys::template::{MemoryLayout, NodeEnv};
use workers_engine_sys::{exit_now, install_as};

use crate::message::NodeProgram;

/// Makes the descriptors that came with a program its outputs.
pub(super) fn take_outputs(descriptors: Vec<OwnedFd>) -> io::Result<()> {
    let [stdout, stderr] =
        <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| io::Error::other("a program without its two outputs"))?;
    install_as(stdout.as_fd(), 1)?;
    install_as(stderr.as_fd(), 2)
}

/// Sets the limit of V8's heap.
pub(super) fn limit_heap(node_env: NodeEnv, program: &NodeProgram) -> io::Result<()> {
    let Some(mib) = program.heap_mib else { return Ok(()) };
    node_env.limit_heap(usize::try_from(mib << 20).map_err(io::Error::other)?)
}

/// Makes the process look like one that was started with this program. Returns the program for the script.
pub(super) fn appear_as(memory_layout: MemoryLayout, program: &NodeProgram) -> io::Result<String> {
    show_command_line(memory_layout, program)?;
    // Dumpable again, as after an exec. Until here no process in the sandbox could inspect this one.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    Ok(serde_json::to_string(program)?)
}

/// Makes the kernel show the program's arguments and environment as the process's own.
pub(super) fn show_command_line(memory_layout: MemoryLayout, program: &NodeProgram) -> io::Result<()> {
    let (arguments, environment) = program.command_line();
    memory_layout.set_command_line(&arguments, &environment)
}

/// Returns the program of a process that has become ready to run it; otherwise the process exits.
pub(super) fn or_exit(ready: io::Result<String>) -> io::Result<String> {
    ready.inspect_err(|error| {
        // The program's standard error is the only way to report anything from here on.
        let _ = rustix::io::write(io::stderr(), format!("node: {error}\n").as_bytes());
        exit_now(127)
    })
}
