//! The delay of log lines from their printing to their arrival at the client.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::platform::Server;

/// A worker that prints the current time in each line.
const CLOCK: &str = include_str!("../../peers/clock.mjs");

/// How many lines the worker prints.
const LINES: usize = 100;

/// Deploys the worker that prints the time.
pub(crate) async fn prepare(server: &Server) -> anyhow::Result<String> {
    server.deploy(CLOCK).await
}

/// Invokes the worker once and returns the delays of its lines, sorted.
pub(crate) async fn measure(server: &Server, worker: &str) -> anyhow::Result<Vec<Duration>> {
    let request = server.invocation(worker, "text/event-stream", "{}")?;
    let mut client = server.client();
    let mut body = client.begin(request).await?.into_body();
    let (mut text, mut delays) = (String::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let arrived = SystemTime::now().duration_since(UNIX_EPOCH)?;
        text.push_str(std::str::from_utf8(frame?.data_ref().map_or(&[], |data| data))?);
        // A frame of the body may end in the middle of an event, or have several.
        while let Some((block, rest)) = text.split_once("\n\n") {
            let message = block.lines().find_map(|line| line.strip_prefix("data:"));
            let message = message.and_then(|data| serde_json::from_str::<Value>(data).ok());
            if let Some(printed) = message.and_then(|data| data["message"].as_str()?.parse::<f64>().ok()) {
                // Both sides read the clock of the same host, so the difference is the delay.
                delays.push(arrived.saturating_sub(Duration::from_secs_f64(printed / 1000.0)));
            }
            text = rest.to_owned();
        }
    }
    anyhow::ensure!(delays.len() == LINES, "{} of {LINES} lines arrived", delays.len());
    delays.sort_unstable();
    Ok(delays)
}
