//! Starting a command in a sandbox.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use workers_engine_sys::{
    CommandImage, SingleThread, exec, exit_now, fork_process, install_as, keep_only, reset_signals, unblock_signals,
};

use crate::message::{NodeProgram, RunCommand};

/// The environment of every command in a walled sandbox.
const WALLED_ENVIRONMENT: [(&str, &str); 3] = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")];

/// What is the same for all commands of a sandbox.
pub(super) struct Surroundings {
    thread: SingleThread,
    pub(super) null: OwnedFd,
    pub(super) walled: bool,
    can_fork: bool,
    environment: Vec<(String, String)>,
}

impl Surroundings {
    pub(super) fn new(thread: SingleThread, walled: bool, can_fork: bool, node: &str) -> io::Result<Self> {
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let mut environment: Vec<(String, String)> =
            WALLED_ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !walled && let Some(directory) = Path::new(node).parent() {
            environment[0].1 = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display());
        }
        Ok(Self { thread, null, walled, can_fork, environment })
    }

    /// The command's environment: ours, then what the command asks for.
    fn environment(&self, run: &RunCommand) -> Vec<(String, String)> {
        let mut all = self.environment.clone();
        for (name, value) in &run.env {
            match all.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1.clone_from(value),
                None => all.push((name.clone(), value.clone())),
            }
        }
        all
    }
}

/// What became of a start.
pub(super) enum Started {
    /// The command is this child.
    Child(Pid),
    /// This is the child, to run this in the node that it is a copy of.
    Become(Box<NodeProgram>),
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
) -> io::Result<Started> {
    let environment = surroundings.environment(run);
    if surroundings.can_fork
        && let Some(program) = node_program(run, &environment)
    {
        return fork_node(surroundings, program, work, [&stdout, &stderr]);
    }
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
        _ => Ok(Started::Child(pid)),
    }
}

/// Options that a running node can still obey. Any other needs a fresh one.
const HEAP_OPTION: &str = "--max-old-space-size=";

/// Beginnings of names that node, its libraries or the loader look at when they start.
const EARLY_VARIABLES: [&str; 10] =
    ["NODE_", "LD_", "UV_", "SSL_", "OPENSSL_", "ICU_", "LC_", "MALLOC_", "GLIBC_", "GCONV_"];

/// What a command is to a booted node; `None` when only a fresh one can run it.
fn node_program(run: &RunCommand, environment: &[(String, String)]) -> Option<NodeProgram> {
    let is_node = run.program == "node" || run.program == "/usr/bin/node";
    let (options, script) = match run.args.as_slice() {
        [option, ..] if option.starts_with(HEAP_OPTION) => run.args.split_at(1),
        all => (&all[..0], all),
    };
    let heap_mib = match options.first() {
        Some(option) => Some(option.strip_prefix(HEAP_OPTION)?.parse().ok()?),
        None => None,
    };
    let is_script = script.first().is_some_and(|path| !path.is_empty() && !path.starts_with('-') && path != "inspect");
    let fixed = |name: &str| WALLED_ENVIRONMENT.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let is_early = |(name, value): &(String, String)| {
        name == "TZ"
            || EARLY_VARIABLES.iter().any(|start| name.starts_with(start))
            || fixed(name).is_some_and(|usual| usual != value)
    };
    let seed = u32::from_ne_bytes(random_bytes()?);
    (is_node && is_script && !environment.iter().any(is_early)).then(|| NodeProgram {
        options: options.to_vec(),
        script: script.to_vec(),
        environment: environment.to_vec(),
        heap_mib,
        seed: seed >> 1 | 1,
    })
}

fn random_bytes() -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).ok()?;
    (filled == bytes.len()).then_some(bytes)
}

/// Forks the node that this init is a copy of. What the init has open the child closes on its way back to the script.
fn fork_node(
    surroundings: &Surroundings,
    program: NodeProgram,
    work: &OwnedFd,
    [stdout, stderr]: [&OwnedFd; 2],
) -> io::Result<Started> {
    if let Some(pid) = fork_process(surroundings.thread)? {
        return Ok(Started::Child(pid));
    }
    match take_place(surroundings, work, [stdout, stderr]) {
        Ok(()) => Ok(Started::Become(Box::new(program))),
        Err(_) => exit_now(127),
    }
}

/// In the child: a place of its own.
fn take_place(surroundings: &Surroundings, work: &OwnedFd, [stdout, stderr]: [&OwnedFd; 2]) -> io::Result<()> {
    // A session of its own, so that its process group can be killed and no terminal is near.
    rustix::process::setsid()?;
    rustix::process::fchdir(work)?;
    install_as(surroundings.null.as_fd(), 0)?;
    install_as(stdout.as_fd(), 1)?;
    install_as(stderr.as_fd(), 2)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Handlers stay: they are those of a started node.
    unblock_signals();
    Ok(())
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
        take_place(surroundings, work, [stdout, stderr])?;
        keep_only(&[fail.as_fd()])?;
        reset_signals();
        Ok(())
    };
    match prepared() {
        Ok(()) => exec(image),
        Err(error) => error,
    }
}
