//! Signals that ask the server to end, and an end in time whatever happens.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use workers_http::StopHandle;

/// How long the end of the server may take beyond the time for running invocations.
const LAST_TIME: Duration = Duration::from_secs(9);

/// Stops the server when the process is asked to end. The first signal lets running invocations finish within `time`, the second one does not.
///
/// It waits on a thread of its own, with a runtime of its own: what keeps the server's threads from going on does not keep it from ending.
/// A process that has not ended in time exits; its launchers see that, and clear away.
pub(crate) fn stop_on_signals(
    stop: StopHandle,
    vercel_api: Option<workers_vercel_server::StopHandle>,
    time: Duration,
) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot wait for signals")?;
    let entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    // The terminal was closed.
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let wait = async move {
        let mut deadline = None;
        loop {
            let is_late = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
                () = is_late => {
                    tracing::error!("the server did not end in time and exits; the next start clears away what is left");
                    std::process::exit(1);
                }
            }
            deadline.get_or_insert_with(|| tokio::time::Instant::now() + time + LAST_TIME);
            if stop.is_stopping() {
                stop.stop_now();
            } else {
                stop.stop();
            }
            vercel_api.iter().for_each(workers_vercel_server::StopHandle::stop);
        }
    };
    let waits = std::thread::Builder::new().name("signals".to_owned());
    drop(entered);
    waits.spawn(move || runtime.block_on(wait)).context("cannot wait for signals")?;
    Ok(())
}
