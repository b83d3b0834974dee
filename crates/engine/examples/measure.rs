//! Measures the cost of a sandbox on this host: `cargo run --release -p workers-engine --example measure --
//! /path/to/node`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use workers_domain::ports::{CommandSpec, SandboxFile, SandboxPath, SandboxProvider, SandboxSource, SandboxSpec};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_engine::{Engine, EngineOptions};

const ROUNDS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    workers_engine::run_launcher_if_asked();
    let node = std::env::args().nth(1).ok_or("usage: measure <path of node>")?;
    let directory = tempfile::tempdir()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let engine = Engine::start(EngineOptions::new(directory.path(), &node)).await?;
        println!("node {}", engine.node_version());
        let limits = ResourceLimits::default();
        let mut plain = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            tokio::process::Command::new(&node).args(["-e", "0"]).status().await?;
            plain.push(started.elapsed());
        }
        report("plain node -e 0", plain);

        let mut deploys = Vec::new();
        let mut snapshot = None;
        for round in 0..ROUNDS {
            let started = Instant::now();
            let sandbox = engine
                .create(SandboxSpec {
                    source: SandboxSource::Empty,
                    limits,
                    network: NetworkPolicy::default(),
                    kept_for: None,
                })
                .await?;
            let contents = format!("// {round}\n{}", "x".repeat(100_000)).into_bytes();
            sandbox.write_files(vec![SandboxFile { path: SandboxPath::parse("worker.mjs")?, contents }]).await?;
            snapshot = Some(sandbox.snapshot(None).await?.id);
            deploys.push(started.elapsed());
        }
        report("deploy: create, write 100 kB, snapshot", deploys);

        let source = SandboxSource::Snapshot(snapshot.ok_or("no snapshot")?);
        let (mut creates, mut wholes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let sandbox = engine
                .create(SandboxSpec {
                    source: source.clone(),
                    limits,
                    network: NetworkPolicy::default(),
                    kept_for: None,
                })
                .await?;
            creates.push(started.elapsed());
            let args = ["-e", "0"].map(str::to_owned).to_vec();
            let mut command = sandbox.run(CommandSpec::named("node", args)).await?;
            while command.next_event().await?.is_some() {}
            sandbox.stop().await?;
            wholes.push(started.elapsed());
        }
        report("create from a snapshot", creates);
        report("create, node -e 0, stop", wholes);
        engine.shutdown().await;
        Ok(())
    })
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    println!("{what}: median {:.2} ms, 95 % {:.2} ms", at(50), at(95));
}
