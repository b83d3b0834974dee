//! Loops whose speed depends on the just-in-time compiler: on the server, and in a plain Node.js.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;

use crate::client::Client;
use crate::peers::{Program, Programs, Spawned};
use crate::platform::Server;
use crate::stats::median;
use crate::target::post;

/// A worker that returns how many milliseconds its loops took.
const SPIN: &str = include_str!("../../peers/spin.mjs");

/// How often each one runs in a round.
const RUNS: usize = 3;

/// Milliseconds of each run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Spins {
    /// On the server: the `run` time that it reports.
    pub(crate) ours: Vec<f64>,
    /// In plain Node.js: the time that the function returns.
    pub(crate) plain: Vec<f64>,
}

impl Spins {
    /// Returns our speed as a multiple of plain Node.js's.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.plain.iter().copied()) / median(self.ours.iter().copied())
    }
}

/// The worker on our server and the same one in plain Node.js. They run in turn.
pub(crate) struct Spin {
    worker: String,
    plain: Spawned,
}

impl Spin {
    pub(crate) async fn prepare(server: &Server, programs: &Programs) -> anyhow::Result<Self> {
        Ok(Self { worker: server.deploy(SPIN).await?, plain: Spawned::start(Program::Node, programs, SPIN)? })
    }

    /// Runs one round.
    pub(crate) async fn measure(&self, server: &Server, spins: &mut Spins) -> anyhow::Result<()> {
        for _ in 0..RUNS {
            let answer = server.invoke(&self.worker, "{}").await?;
            spins.ours.push(answer["timings"]["run"].as_f64().with_context(|| format!("no time of a run: {answer}"))?);
            let request = post(self.plain.address, "/", "*/*")?.map(|()| Full::new(Bytes::from_static(b"{}")));
            let (_, answer) = Client::new(self.plain.address).send(request).await?;
            let answer = String::from_utf8_lossy(&answer);
            spins.plain.push(answer.trim().parse().with_context(|| format!("not a time: {answer}"))?);
        }
        Ok(())
    }
}
