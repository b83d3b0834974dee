//! Measures the platform beside its peers, all in one run: the same work, the same machine, the same load generator.
//!
//! `./just bench` builds and runs it. Rounds alternate between the targets, so that a noisy minute hits all of them; figures are medians
//! over the rounds.
#![expect(clippy::print_stdout, reason = "the table is the program's output")]

mod load;
mod memory;
mod platform;
mod process;
mod spawned;
mod table;
mod target;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

use crate::load::Stats;
use crate::target::Target;

/// Measures the platform beside its peers.
#[derive(Debug, Parser)]
struct Options {
    /// The server to measure
    #[arg(long, value_name = "FILE")]
    workersd: PathBuf,
    /// The Node.js of server and peers
    #[arg(long, env = "WORKERS_NODE", value_name = "FILE")]
    node: PathBuf,
    /// Rounds over all targets
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests a round, a target and a number of clients
    #[arg(long, default_value_t = 200)]
    requests: usize,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 32])]
    clients: Vec<usize>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let node = options.node.canonicalize().context("there is no Node.js there; run `./just setup`")?;
    let server = platform::Server::start(&options.workersd, &node).await?;
    println!("{}", platform::facts(&server, &options.workersd)?);
    let targets: Vec<Box<dyn Target>> = vec![
        Box::new(platform::Batch::new(&server)),
        Box::new(platform::Stream::new(&server)),
        Box::new(platform::Deploy::new(&server)),
        Box::new(spawned::Spawned::start(&node, false).await?),
        Box::new(spawned::Spawned::start(&node, true).await?),
    ];
    let mut rows: Vec<Vec<Vec<Stats>>> = vec![vec![Vec::new(); targets.len()]; options.clients.len()];
    for round in 0..=options.rounds {
        for (clients, row) in options.clients.iter().zip(&mut rows) {
            for (target, cell) in targets.iter().zip(row) {
                // The first round warms everything up and is not kept.
                let requests = if round == 0 { (*clients).max(10) } else { options.requests };
                let stats = load::run(&**target, *clients, requests).await;
                if round > 0 {
                    cell.push(stats);
                }
            }
        }
    }
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    println!("{}", table::requests(&options.clients, &names, &rows));
    let mut delays = Vec::new();
    for _ in 0..options.rounds {
        delays.push(platform::line_delays(&server).await?);
    }
    println!("{}", table::delays(&delays));
    Ok(())
}
