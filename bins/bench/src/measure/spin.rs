//! Loops that live from the just-in-time compiler: here, and in a Node.js that somebody just starts.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;

use crate::client::Client;
use crate::peers::{Program, Programs, Spawned};
use crate::platform::Server;
use crate::stats::median;
use crate::target::post;

/// Tells how many milliseconds its loops took.
const SPIN: &str = include_str!("../../peers/spin.mjs");

/// How often each runs in a round.
const RUNS: usize = 3;

/// Milliseconds of each run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Spins {
    /// As the server tells the running of the function.
    pub(crate) ours: Vec<f64>,
    /// As the function tells itself.
    pub(crate) plain: Vec<f64>,
}

impl Spins {
    /// Our speed in that of the plain one.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.plain.iter().copied()) / median(self.ours.iter().copied())
    }
}

/// Both, in turn.
pub(crate) struct Spin {
    worker: String,
    plain: Spawned,
}

impl Spin {
    pub(crate) async fn prepare(server: &Server, programs: &Programs) -> anyhow::Result<Self> {
        Ok(Self { worker: server.deploy(SPIN).await?, plain: Spawned::start(Program::Node, programs, SPIN)? })
    }

    /// One round.
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
