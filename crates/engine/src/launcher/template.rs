//! The code that runs in a template, a booted node that is forked for the launcher.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use workers_engine_sys::template::{Calls, MemoryLayout, NodeEnv};
use workers_engine_sys::{
    Cloned, SingleThread, clone_sibling, exit_now, gather_memory, install_as, set_child_pid_namespace,
    thread_id_address,
};

use super::join::{TargetSandbox, join};
use super::node_descriptors::{NodeDescriptor, node_descriptors, replace_descriptors};
use super::program::{appear_as, limit_heap, or_exit, take_outputs};
use super::setup::Setup;
use super::steps::null_device;
use super::zygote::{self, ZygoteChannels, ZygoteParts};
use crate::fault::number_of;
use crate::message::{FromChild, FromTemplate, NodeProgram, ToTemplate};
use crate::policy;
use crate::wire::{self, Received};

/// How often, and with which pause, we check whether node's other threads are idle.
const SLEEP_CHECKS: u32 = 500;
const SLEEP_CHECK_PAUSE: Duration = Duration::from_millis(2);

/// What the template's script calls, through the library that node loads, which uses nothing else of this crate.
#[doc(hidden)]
pub const TEMPLATE_CALLS: Calls = Calls { run_template, park: zygote::park };

/// Runs this process as a template: forks it whenever the launcher orders so. Returns only in a child that is to run a
/// program, with that program as JSON.
///
/// # Errors
///
/// When this process is not a template of a launcher, or cannot be forked safely.
fn run_template(node_env: NodeEnv) -> io::Result<String> {
    // Never dropped, because the children close all descriptors by number.
    let launcher = ManuallyDrop::new(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    let null = ManuallyDrop::new(null_device()?);
    install_as(null.as_fd(), 0)?;
    let Some(Received { message: ToTemplate::Configure(context), .. }) = wire::receive(&*launcher)? else {
        exit_now(0)
    };
    node_env.prepare()?;
    if std::process::id() <= 2 {
        // A child's process id is 2, and libraries detect a fork by a change of the process id.
        return Err(io::Error::other("this node cannot be a template"));
    }
    gather_memory();
    let memory_layout = MemoryLayout::read()?;
    // Now, because in a sandbox the filter of system calls refuses it.
    let id_at = thread_id_address()?;
    let descriptors = node_descriptors(&[launcher.as_raw_fd(), null.as_raw_fd()])?;
    let mut setup = Setup { thread: wait_until_threads_sleep()?, context: *context, filter: policy::inner()? };
    wire::send(&*launcher, &FromTemplate::Ready, &[])?;
    loop {
        let Some(Received { message, descriptors: passed }) = wire::receive(&*launcher)? else { exit_now(0) };
        let ToTemplate::Fork = message else { exit_now(1) };
        setup.thread = wait_until_threads_sleep()?;
        match fork(&setup, passed) {
            Ok(Forked::Parent { pid, pidfd }) => {
                wire::send(&*launcher, &FromTemplate::Forked { pid }, &[pidfd.as_fd()])?;
            }
            Ok(Forked::Child(program, None)) => {
                return or_exit(become_program(node_env, &descriptors, memory_layout, &program));
            }
            Ok(Forked::Child(program, Some(channels))) => {
                return or_exit(zygote::begin(
                    node_env,
                    channels,
                    ZygoteParts { descriptors, memory_layout, id_at },
                    &program,
                ));
            }
            Err(error) => wire::send(&*launcher, &FromTemplate::NotForked { message: error.to_string() }, &[])?,
        }
    }
}

/// Waits until all other threads of this process are idle.
fn wait_until_threads_sleep() -> io::Result<SingleThread> {
    // The checks take about a second in all. After five the launcher kills the template (`PATIENCE`).
    let mut checked = SingleThread::check_others_sleep();
    for _ in 0..SLEEP_CHECKS {
        if checked.is_ok() {
            break;
        }
        std::thread::sleep(SLEEP_CHECK_PAUSE);
        checked = SingleThread::check_others_sleep();
    }
    checked
}

enum Forked {
    Parent {
        pid: i32,
        pidfd: OwnedFd,
    },
    /// With the channels of a zygote if it is one.
    Child(NodeProgram, Option<ZygoteChannels>),
}

/// Forks. The child returns when it has joined the sandbox and has a program to run.
fn fork(setup: &Setup, passed: Vec<OwnedFd>) -> io::Result<Forked> {
    let target = TargetSandbox::new(passed)?;
    // No process can join a pid namespace; it can only be born into one.
    set_child_pid_namespace(target.init.as_fd())?;
    match clone_sibling(setup.thread)? {
        Cloned::Parent { pid, pidfd } => Ok(Forked::Parent { pid: pid.as_raw_nonzero().get(), pidfd }),
        // Even after a panic, the child must not run on as the template.
        Cloned::Child => match catch_unwind(AssertUnwindSafe(|| park(setup, &target))) {
            Ok(Ok((program, None))) => Ok(Forked::Child(program, None)),
            Ok(Ok((program, Some(init)))) => {
                Ok(Forked::Child(program, Some(ZygoteChannels { programs: target.channel, init })))
            }
            Ok(Err(error)) => {
                // Fails if the server is gone; then there is no receiver for the error.
                let failed = FromChild::Failed { message: error.to_string(), errno: number_of(&error) };
                let _ = wire::send(&target.channel, &failed, &[]);
                exit_now(127)
            }
            // The code of a Rust program that panics.
            Err(_) => exit_now(101),
        },
    }
}

/// Parks a child: joins the sandbox, then waits there for a program and its outputs. Returns the program, and the
/// channel to init if the child is to be a zygote.
fn park(setup: &Setup, target: &TargetSandbox) -> io::Result<(NodeProgram, Option<OwnedFd>)> {
    join(setup, target)?;
    wire::send(&target.channel, &FromChild::Parked, &[])?;
    let Some(Received::<NodeProgram> { message, descriptors }) = wire::receive(&target.channel)? else { exit_now(0) };
    if message.zygote {
        return Ok((message, Some(wire::first(descriptors)?)));
    }
    take_outputs(descriptors)?;
    Ok((message, None))
}

/// Runs in a child, once it is isolated: replaces everything that the child still shares with the template.
fn become_program(
    node_env: NodeEnv,
    descriptors: &[NodeDescriptor],
    memory_layout: MemoryLayout,
    program: &NodeProgram,
) -> io::Result<String> {
    replace_descriptors(node_env, descriptors, &[])?;
    limit_heap(node_env, program)?;
    appear_as(memory_layout, program)
}
