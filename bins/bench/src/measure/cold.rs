//! Workers that were never invoked, among very many: the cost of deploying them and of the first invocation of one.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;

use crate::machine::{disk, files};
use crate::platform::{Server, distinct, warm_up};
use crate::proc::field;
use crate::stats::{as_f64, median};
use crate::target::{PAYLOAD, WORK};

/// Clients that deploy at the same time.
const DEPLOYERS: u32 = 4;

/// How many cold workers are invoked.
const SAMPLES: usize = 200;

/// The step from one invoked worker to the next. It is a prime, so that workers invoked one after the other were not
/// deployed one after the other.
const STRIDE: usize = 7919;

/// The figures of this measurement.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) workers: usize,
    pub(crate) deploys_per_second: f64,
    /// Bytes of disk for each worker, including the database.
    pub(crate) disk: u64,
    /// The cost of the first invocation of a worker.
    pub(crate) first: Cost,
    /// The cost of an invocation of a worker that has just run.
    pub(crate) again: Cost,
}

/// The cost of an invocation, as medians.
#[derive(Debug, Default, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// System calls that read, by the server and its launcher.
    pub(crate) reads: u64,
    /// Bytes read by these calls.
    pub(crate) bytes: u64,
}

/// Deploys this many distinct workers and invokes some of them for the first time, in turn with one that has just run.
pub(crate) async fn measure(server: &Server, workers: usize) -> anyhow::Result<Cold> {
    let warm = server.deploy(WORK).await?;
    let (before, files_before, began) = (disk(server.data()), files(server.data()), Instant::now());
    let number = u32::try_from(workers)?;
    let deployer = async |first: u32| {
        let mut ids = Vec::new();
        for number in (first..number).step_by(usize::try_from(DEPLOYERS)?) {
            ids.push(server.deploy(&distinct("cold", number)).await?);
        }
        Ok::<_, anyhow::Error>(ids)
    };
    let ids: Vec<_> = try_join_all((0..DEPLOYERS).map(deployer)).await?.into_iter().flatten().collect();
    let deploys_per_second = as_f64(u64::from(number)) / began.elapsed().as_secs_f64();
    // Each worker has a reference file of its own; further files are its content. Workers that share their content are
    // neither distinct nor cold.
    let files = files(server.data()).saturating_sub(files_before);
    anyhow::ensure!(
        files >= 2 * u64::from(number),
        "the workers share their content: {files} files for {number} workers"
    );
    let disk = disk(server.data()).saturating_sub(before) / u64::from(number.max(1));
    warm_up(server, &warm).await?;
    let (mut cold_costs, mut warm_costs) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES.min(workers) {
        // In turn, so that a noisy minute affects both.
        warm_costs.push(cost(server, &warm).await?);
        cold_costs.push(cost(server, &ids[sample * STRIDE % ids.len()]).await?);
    }
    Ok(Cold { workers, deploys_per_second, disk, first: middle(&cold_costs), again: middle(&warm_costs) })
}

async fn cost(server: &Server, worker: &str) -> anyhow::Result<Cost> {
    let reading = || [Some(server.id()), server.launcher()].into_iter().flatten().map(reads);
    let before: Vec<_> = reading().collect();
    let began = Instant::now();
    let answer = server.invoke(worker, PAYLOAD).await.context("an invocation failed")?;
    let time = began.elapsed();
    anyhow::ensure!(answer["success"] == true, "an invocation failed: {answer}");
    let mut cost = Cost { time, ..Cost::default() };
    for ((calls, bytes), (calls_before, bytes_before)) in reading().zip(before) {
        cost.reads += calls.saturating_sub(calls_before);
        cost.bytes += bytes.saturating_sub(bytes_before);
    }
    Ok(cost)
}

/// Returns how many system calls that read a process has made, and how many bytes they returned.
fn reads(process: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    (field(&text, "syscr:").unwrap_or(0), field(&text, "rchar:").unwrap_or(0))
}

fn middle(costs: &[Cost]) -> Cost {
    Cost {
        time: median(costs.iter().map(|cost| cost.time)),
        reads: median(costs.iter().map(|cost| cost.reads)),
        bytes: median(costs.iter().map(|cost| cost.bytes)),
    }
}
