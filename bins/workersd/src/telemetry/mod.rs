//! Structured logs. They go to standard error, because scripts read standard output.
//!
//! The program that reads standard error may stop reading, and a full pipe blocks its writers. So no thread of the
//! server writes there directly: lines go through a queue, see [`queue`].

mod accept;
mod note;
mod queue;

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::accept::Accepting;
use self::queue::LogQueue;
use crate::config::LogFormat;

/// How long the process waits at its end until the last log lines are written.
const LAST_TIME: Duration = Duration::from_secs(1);

/// The queue to standard error, once logging has started.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Starts logging. `RUST_LOG` sets the filter; the default is everything from `info` up.
pub(crate) fn start(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env()
        .context("RUST_LOG does not say what to log")?;
    let queue = LogQueue::start(format).context("cannot start the thread that writes the log")?;
    let queue = QUEUE.get_or_init(|| queue);
    let accepting = Accepting::new();
    let fewer = dynamic_filter_fn(move |line, _| accepting.lets_through(line, Instant::now()))
        .with_callsite_filter(accept::interest);
    let registry = tracing_subscriber::registry().with(filter).with(fewer);
    let writer = move || queue;
    match format {
        LogFormat::Text => {
            // A log that goes to a file or to journald must have no escape sequences.
            let colours = std::io::stderr().is_terminal();
            registry.with(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours)).try_init()?;
        }
        LogFormat::Json => {
            registry.with(tracing_subscriber::fmt::layer().json().with_writer(writer)).try_init()?;
        }
    }
    log_panics();
    Ok(())
}

/// Logs panics like everything else. The default hook writes to standard error directly, and would block on its reader.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let current = std::thread::current();
        let thread = current.name().unwrap_or("unnamed");
        // The backtrace is empty unless `RUST_BACKTRACE` is set.
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(thread, %backtrace, "{panic}");
    }));
}

/// Returns the number of log lines lost since the start. The counter goes on counting.
pub(crate) fn lost_lines() -> Arc<AtomicU64> {
    QUEUE.get().map(LogQueue::lost_total).unwrap_or_default()
}

/// Writes a line for a person to standard error, after what was logged before.
pub(crate) fn print_line(line: &str) {
    match QUEUE.get() {
        Some(queue) => queue.push(format!("{line}\n").as_bytes()),
        // Before logging starts there is no queue, and a blocked write delays nothing else. An error is ignored,
        // because there is no other place to report it.
        None => drop(writeln!(std::io::stderr(), "{line}")),
    }
}

/// Waits until the log is written, but at most [`LAST_TIME`]: a reader that does not read must not keep the process
/// from exiting.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LAST_TIME);
    }
}
