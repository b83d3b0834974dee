//! Starting a command in a sandbox.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::Pid;
use workers_engine_sys::{
    CommandImage, SingleThread, exec, exit_now, fork_process, install_as, keep_only, reset_signals, unblock_signals,
};

use super::enter::null_device;
use crate::environment;
use crate::message::RunCommand;

/// What is the same for all commands of a sandbox.
pub(super) struct Surroundings {
    thread: SingleThread,
    pub(super) null: OwnedFd,
    pub(super) walled: bool,
    environment: Vec<(String, String)>,
}

impl Surroundings {
    pub(super) fn new(thread: SingleThread, walled: bool, node: &str) -> io::Result<Self> {
        let null = null_device()?;
        let mut environment = environment::walled();
        if !walled && let Some(directory) = Path::new(node).parent() {
            environment[0].1 = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display());
        }
        Ok(Self { thread, null, walled, environment })
    }
}

/// Starts a command; returns when its program runs.
///
/// # Errors
///
/// With the error number of the step that failed.
pub(super) fn start(
    surroundings: &Surroundings,
    run: &RunCommand,
    work: &OwnedFd,
    [stdout, stderr]: [OwnedFd; 2],
) -> io::Result<Pid> {
    let environment = environment::with(surroundings.environment.clone(), &run.env);
    let path = environment.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let candidates = if run.program.contains('/') {
        vec![run.program.clone()]
    } else {
        path.split(':').map(|directory| format!("{directory}/{}", run.program)).collect()
    };
    let arguments = [run.program.clone()].into_iter().chain(run.args.iter().cloned()).collect();
    let environment = environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let image = CommandImage::new(candidates, arguments, environment)
        .map_err(|_| io::Error::from_raw_os_error(rustix::io::Errno::INVAL.raw_os_error()))?;

    let (failed, fail) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let Some(pid) = fork_process(surroundings.thread)? else {
        let error = become_command(surroundings, &image, work, [&stdout, &stderr], &fail);
        let number = error.raw_os_error().unwrap_or_default();
        let _ = rustix::io::write(&fail, &number.to_ne_bytes());
        exit_now(127)
    };
    drop(fail);
    // Closes without a word when the program runs.
    let mut number = [0; 4];
    match rustix::io::retry_on_intr(|| rustix::io::read(&failed, &mut number)) {
        Ok(4) => Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number))),
        _ => Ok(pid),
    }
}

/// In the child: everything of the init's is let go of. Returns only with the reason why the program does not run.
fn become_command(
    surroundings: &Surroundings,
    image: &CommandImage,
    work: &OwnedFd,
    [stdout, stderr]: [&OwnedFd; 2],
    fail: &OwnedFd,
) -> io::Error {
    let prepared = || -> io::Result<()> {
        // A session of its own, so that its process group can be killed and no terminal is near.
        rustix::process::setsid()?;
        rustix::process::fchdir(work)?;
        install_as(surroundings.null.as_fd(), 0)?;
        install_as(stdout.as_fd(), 1)?;
        install_as(stderr.as_fd(), 2)?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        unblock_signals();
        keep_only(&[fail.as_fd()])?;
        reset_signals();
        Ok(())
    };
    match prepared() {
        Ok(()) => exec(image),
        Err(error) => error,
    }
}
