//! Stops the server on signals, and exits if stopping takes too long.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use workers_http::StopHandle;

/// How long the shutdown may take beyond the time for running invocations.
const LAST_TIME: Duration = Duration::from_secs(9);

/// Signals within this time after the first count as the same one: `timeout` signals the whole process group and then
/// this process, and a terminal and a wrapper may both pass one on.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Stops the server on SIGTERM, SIGINT and SIGHUP. The first signal lets running invocations finish within `time`. A
/// signal that comes a second later or more ends them.
///
/// Signals are handled on a thread of their own, with a runtime of its own, so that the server can be stopped even if
/// its other threads are blocked. If the server has not stopped in time, the process exits; its launchers notice that
/// and clean up.
pub(crate) fn stop_on_signals(
    stop: StopHandle,
    vercel_api: Option<workers_vercel_server::StopHandle>,
    time: Duration,
) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot wait for signals")?;
    // `signal` registers with the runtime that the thread has entered, which is otherwise the one of the server.
    let entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    // The kernel sends SIGHUP when the terminal is closed.
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let wait = async move {
        let mut first: Option<Instant> = None;
        loop {
            let is_late = async {
                match first {
                    // With the defaults that is 39 s, before systemd kills the server (`TimeoutStopSec=45` in
                    // docs/operations.md).
                    Some(first) => tokio::time::sleep_until(first + time + LAST_TIME).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
                () = is_late => {
                    tracing::error!("the server did not end in time and exits; the next start clears away what is left");
                    // `exit` runs nothing of `main` any more, so the line above would be lost.
                    crate::telemetry::flush();
                    std::process::exit(1);
                }
            }
            match first {
                Some(first) if first.elapsed() < SAME_SIGNAL => {
                    tracing::info!("a second signal within a second of the first counts as the same one");
                }
                Some(_) => stop.stop_now(),
                None => {
                    first = Some(Instant::now());
                    stop.stop();
                    vercel_api.iter().for_each(workers_vercel_server::StopHandle::stop);
                }
            }
        }
    };
    let waits = std::thread::Builder::new().name("signals".to_owned());
    drop(entered);
    waits.spawn(move || runtime.block_on(wait)).context("cannot wait for signals")?;
    Ok(())
}
