//! The compiler process: reads sources, sends responses, and watches its own memory while it compiles.

mod confine;
mod memory;
mod panic;

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::Pid;
use workers_service::{TranspileError, WorkerScript, compile_worker};

use self::memory::Memory;
use crate::wire::{self, Hello, Response, Verdict, WireDiagnostic};

/// How often the process checks, while it compiles, how much memory it uses and whether the server still exists.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);
/// A process that has more than this in memory ends after its response, because the allocator does not return memory to
/// the system. Twice what small bundles need.
const STAYING_BYTES: u64 = 32 << 20;
/// The number of sources after which a process ends, so that leaks cannot add up.
const STAYING_SOURCES: u32 = 1_000;

/// The server's settings from the command line, after the hook's argument.
struct Arguments {
    server: Pid,
    memory_bytes: u64,
    newer_node: bool,
}

/// Runs the compiler process until its end.
pub(crate) fn run() -> io::Result<()> {
    let (input, output) = (io::stdin().lock(), io::stdout());
    let ready = || -> io::Result<(Arguments, Memory)> {
        let arguments = Arguments::from_arguments()?;
        let memory = confine::confine(arguments.server)?;
        Ok((arguments, memory))
    };
    let ready = ready();
    // The server gets the problem as the first message, because this process has no log.
    let problem = ready.as_ref().err().map(ToString::to_string);
    send(&output, &Hello { problem }, &[])?;
    let (arguments, memory) = ready?;
    panic::keep_messages();
    serve(&arguments, &memory, input, &output)
}

/// Serves sources until the server closes the pipe or dies, or until the process should be replaced.
fn serve(arguments: &Arguments, memory: &Memory, mut input: impl io::Read, output: &io::Stdout) -> io::Result<()> {
    for number in 1.. {
        let Some(source) = wire::receive_source(&mut input)? else { break };
        let (verdict, script) = match compile(arguments, memory, source)? {
            Compiled::Output(output) => into_verdict(output),
            Compiled::TooLarge => (Verdict::TooLarge, String::new()),
            Compiled::NoThread(error) => {
                (Verdict::OutOfResources(format!("no thread to compile on: {error}")), String::new())
            }
        };
        // The compilation that took too much memory is still running.
        let ended = !matches!(verdict, Verdict::TooLarge);
        let stays = ended && number < STAYING_SOURCES && memory.resident_bytes()? < STAYING_BYTES;
        send(output, &Response { verdict, stays, panic: panic::take_message() }, script.as_bytes())?;
        if !stays {
            break;
        }
    }
    Ok(())
}

/// The result of compiling one source.
enum Compiled {
    Output(Result<WorkerScript, TranspileError>),
    /// It takes too much memory. Its thread is still running, so the process must end.
    TooLarge,
    /// The compilation did not start.
    NoThread(io::Error),
}

fn into_verdict(output: Result<WorkerScript, TranspileError>) -> (Verdict, String) {
    let verdict = match output {
        Ok(WorkerScript { code, functions }) => return (Verdict::Script { functions }, code),
        Err(TranspileError::Rejected(rejection)) => {
            Verdict::Diagnostics(rejection.into_diagnostics().into_iter().map(WireDiagnostic).collect())
        }
        Err(TranspileError::OutOfResources(lacking)) => Verdict::OutOfResources(lacking),
        Err(TranspileError::Internal(message)) => Verdict::Internal(message),
    };
    (verdict, String::new())
}

/// Compiles on another thread while this one watches.
fn compile(arguments: &Arguments, memory: &Memory, source: String) -> io::Result<Compiled> {
    // With room for one, so that the thread ends without waiting for the receiver.
    let (done, outcome) = mpsc::sync_channel(1);
    let newer_node = arguments.newer_node;
    let begun = thread::Builder::new().spawn(move || {
        // Fails if the source has taken too much memory: the receiver is dropped then.
        let _ = done.send(compile_worker(&source, newer_node));
    });
    if let Err(error) = begun {
        return Ok(Compiled::NoThread(error));
    }
    loop {
        match outcome.recv_timeout(WATCH_INTERVAL) {
            Ok(output) => return Ok(Compiled::Output(output)),
            Err(RecvTimeoutError::Timeout) if rustix::process::getppid() != Some(arguments.server) => {
                return Err(io::Error::other("the server is gone"));
            }
            Err(RecvTimeoutError::Timeout) if memory.resident_bytes()? > arguments.memory_bytes => {
                return Ok(Compiled::TooLarge);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("the compiler's thread ended early")),
        }
    }
}

fn send(output: &io::Stdout, head: &impl serde::Serialize, body: &[u8]) -> io::Result<()> {
    // Not through the buffer of standard output, which would copy the body line by line.
    wire::send_frame(Unbuffered(output), head, body)
}

/// A descriptor that is written to without a buffer.
struct Unbuffered<D>(D);

impl<D: std::os::fd::AsFd> io::Write for Unbuffered<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::write(&self.0, bytes))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Arguments {
    fn from_arguments() -> io::Result<Self> {
        let mut arguments = std::env::args().skip(2);
        let mut number = || arguments.next()?.parse::<u64>().ok();
        let server = number().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        match (server, number(), number()) {
            (Some(server), Some(memory_bytes), Some(newer_node)) => {
                Ok(Self { server, memory_bytes, newer_node: newer_node != 0 })
            }
            _ => Err(io::Error::other("this program is started by the server, not by hand")),
        }
    }
}
