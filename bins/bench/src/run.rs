//! The whole run, part by part, and its output.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tables are the program's output, beside its progress"
)]

use std::time::Duration;

use crate::load::{self, Round};
use crate::measure::spin::{Spin, Spins};
use crate::measure::{cold, delays, first, leak, memory};
use crate::options::Options;
use crate::peers::{self, Peer, Programs, Running};
use crate::platform::{Server, Setup, warm_up};
use crate::report::{self, Delays, Firsts, Goal, Measured, Summary};
use crate::stats::as_f64;
use crate::target::{Target, WORK};

/// The peers' packages, with their versions.
const PACKAGES: &str = include_str!("../peers/package.json");

/// A server, and what is measured of it beside requests.
struct Subject {
    server: Server,
    worker: String,
    clock: String,
    spin: Spin,
    idle: u64,
    delays: Vec<Vec<Duration>>,
    spins: Spins,
    firsts: Vec<Duration>,
    /// Failures of the three measurements above.
    failures: Vec<String>,
}

/// Measures everything and prints the tables.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let (setups, programs) = (options.servers()?, options.programs()?);
    let mut subjects = Vec::new();
    for setup in &setups {
        subjects.push(prepare(setup, &programs).await?);
    }
    let mut peers = Vec::new();
    for peer in &options.peers {
        peers.push(peers::start(*peer, &programs).await?);
    }
    let summaries = rounds(&options, &mut subjects, &peers).await?;
    drop(peers);
    let sandboxes = if options.sandboxes > 0 { look_at_memory(&options, &setups, &programs).await } else { Vec::new() };

    println!("{}", facts(&setups[0], &programs, &subjects)?);
    println!("{}", report::requests(&summaries, Peer::Bwrap.title()));
    println!("{}{}", report::failures(&summaries), report::generator(&summaries));
    if !sandboxes.is_empty() {
        println!("{}", report::memory(options.sandboxes, &sandboxes));
    }
    let mut goals = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let name = &subject.server.name;
        let line_delays = (!subject.delays.is_empty()).then(|| Delays::new(&subject.delays));
        let spins = (!subject.spins.ours.is_empty()).then_some(&subject.spins);
        let firsts = Firsts::new(&subject.firsts);
        println!("{}", line_delays.as_ref().map_or_else(String::new, |delays| report::delays(name, delays)));
        println!("{}", spins.map_or_else(String::new, |spins| report::spins(name, spins)));
        println!("{}", firsts.as_ref().map_or_else(String::new, |firsts| report::firsts(name, firsts)));
        for failure in &subject.failures {
            println!("{name} failed at {failure}\n");
        }
        goals.extend(Goal::all(&Measured {
            server: name,
            is_keeping: setups[index].isolation.as_deref() == Some("process"),
            requests: &summaries,
            yardstick: Peer::Bwrap.title(),
            sandboxes: sandboxes.get(index).and_then(|(_, sandboxes)| sandboxes.as_ref().ok()),
            delays: line_delays.as_ref(),
            spins,
            firsts,
            other_failures: subject.failures.len(),
        }));
    }
    println!("{}", report::goals(&goals));
    for Subject { server, .. } in &subjects {
        let name = &server.name;
        if let Some(workers) = options.cold {
            eprintln!("cold workers of {name}");
            let measured = cold::measure(server, workers).await;
            println!("{}", measured.map_or_else(failed("Cold workers", name), |cold| report::cold(name, &cold)));
        }
        if let Some(invocations) = options.leak_check {
            eprintln!("leak check of {name}");
            let measured = leak::check(server, invocations).await;
            println!("{}", measured.map_or_else(failed("Leak check", name), |course| report::leak(name, &course)));
        }
    }
    Ok(())
}

/// Runs many invocations on each server, one after the other, and prints the samples. Fails if a figure has grown
/// or an invocation has failed.
pub(crate) async fn soak(options: &Options, invocations: usize) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for setup in options.servers()? {
        let server = Server::start(&setup, &[])?;
        let name = &server.name;
        let course = leak::check(&server, invocations).await?;
        println!("{}", report::leak(name, &course));
        faults.extend(course.faults().into_iter().map(|fault| format!("{name}: {fault}")));
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

/// Returns the text in place of a part that failed.
fn failed(part: &str, name: &str) -> impl FnOnce(anyhow::Error) -> String {
    move |error| format!("{part}, {name}: FAILED, {error:#}\n")
}

async fn prepare(setup: &Setup, programs: &Programs) -> anyhow::Result<Subject> {
    let server = Server::start(setup, &[])?;
    let worker = server.deploy(WORK).await?;
    warm_up(&server, &worker).await?;
    let idle = crate::proc::memory(server.helpers()).pss;
    let clock = delays::prepare(&server).await?;
    let spin = Spin::prepare(&server, programs).await?;
    Ok(Subject {
        server,
        worker,
        clock,
        spin,
        idle,
        delays: Vec::new(),
        spins: Spins::default(),
        firsts: Vec::new(),
        failures: Vec::new(),
    })
}

/// Runs all rounds over all targets.
async fn rounds<'a>(options: &Options, subjects: &mut [Subject], peers: &'a [Running]) -> anyhow::Result<Vec<Summary>> {
    let (mut invocations, mut deploys) = (Vec::new(), Vec::new());
    for Subject { server, worker, .. } in subjects.iter() {
        invocations.extend([server.batch(worker)?, server.stream(worker)?]);
        deploys.push(server.deploys()?);
    }
    // Our own targets come first: deploys leave background work behind, which would slow down the next target.
    let (ours, others): (Vec<_>, Vec<_>) = peers.iter().partition(|running| running.peer == Peer::Embedded);
    let targets_of = |running: Vec<&'a Running>| running.into_iter().map(|running| &running.target);
    let targets: Vec<&Target> =
        invocations.iter().chain(targets_of(ours)).chain(&deploys).chain(targets_of(others)).collect();
    let mut cells: Vec<(usize, &Target, Vec<Round>)> = Vec::new();
    for clients in &options.clients {
        cells.extend(targets.iter().map(|target| (*clients, *target, Vec::new())));
    }
    let enough = options.enough()?;
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (clients, target, rounds) in &mut cells {
            // The first round warms everything up and is not kept.
            if round == 0 {
                let enough = load::MinimumLoad { requests: (*clients).max(10), time: Duration::ZERO };
                load::run(target, *clients, enough).await;
            } else {
                rounds.push(load::run(target, *clients, enough).await);
            }
        }
        // Without the server there is nothing left to measure.
        subjects.iter().try_for_each(|subject| subject.server.must_run())?;
        for subject in subjects.iter_mut().filter(|_| round > 0) {
            // A failure does not end the run, so that all other figures are kept. It counts in the goal `failures`.
            match delays::measure(&subject.server, &subject.clock).await {
                Ok(delays) => subject.delays.push(delays),
                Err(error) => subject.failures.push(format!("log lines: {error:#}")),
            }
            match first::measure(&subject.server, round).await {
                Ok(times) => subject.firsts.extend(times),
                Err(error) => subject.failures.push(format!("first invocations: {error:#}")),
            }
            if let Err(error) = subject.spin.measure(&subject.server, &mut subject.spins).await {
                subject.failures.push(format!("loops: {error:#}"));
            }
        }
    }
    Ok(cells.iter().map(|(clients, target, rounds)| Summary::new(*clients, target.name.clone(), rounds)).collect())
}

/// Measures the memory of sandboxes: first of the servers, then of the peers that start a process for each request.
async fn look_at_memory(
    options: &Options,
    setups: &[Setup],
    programs: &Programs,
) -> Vec<(String, anyhow::Result<memory::Sandboxes>)> {
    let mut rows = Vec::new();
    for setup in setups {
        eprintln!("memory of {}", setup.name());
        rows.push((setup.name(), memory::of_platform(setup, options.sandboxes).await));
    }
    for peer in &options.peers {
        if let Some(program) = peer.program() {
            eprintln!("memory of {}", peer.title());
            rows.push((peer.title().to_owned(), memory::of_peer(program, programs, options.sandboxes).await));
        }
    }
    rows
}

/// Formats the facts above the table.
fn facts(setup: &Setup, programs: &Programs, subjects: &[Subject]) -> anyhow::Result<String> {
    let version = |program: &std::path::Path| {
        let output = std::process::Command::new(program).arg("--version").output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let packages: serde_json::Value = serde_json::from_str(PACKAGES)?;
    let packages = ["dependencies", "optionalDependencies"].iter().filter_map(|kind| packages[kind].as_object());
    // Packages for other architectures are not installed.
    let installed = packages.flatten().filter(|(name, _)| programs.packages.join("node_modules").join(name).is_dir());
    let packages = installed.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()));
    let idle = subjects.iter().map(|subject| {
        format!("Idle memory of {} with its helpers (PSS) {:.1} MB.\n", subject.server.name, as_f64(subject.idle) / 1e6)
    });
    Ok(format!(
        "Linux {}, {} cores, Node.js {}; {}. Binary {:.1} MB.\n{}",
        kernel.trim(),
        std::thread::available_parallelism()?,
        version(&setup.node),
        packages.collect::<Vec<_>>().join(", "),
        as_f64(setup.program.metadata()?.len()) / 1e6,
        idle.collect::<String>(),
    ))
}
