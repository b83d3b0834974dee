//! The whole run over the API, part by part, and its output.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tables are the program's output, beside its progress"
)]

use std::time::Duration;

use fastrand::Rng;

use super::api::ApiServer;
use super::api_client::ApiClient;
use super::bare::Bare;
use super::count::{COUNTED, Count};
use super::counter::Counter;
use super::platform::Platforms;
use super::stopwatch::{Run, Stopwatch};
use super::work::Work;
use crate::load::MinimumLoad;
use crate::options::Options;
use crate::report::{self, ClientRow};

/// One piece of work done with one client, and its figures.
struct Cell {
    work: Work,
    /// The index of the client.
    client: usize,
    count: Count,
    /// The runs of the current round.
    runs: Vec<Run>,
    rounds: Vec<Vec<Run>>,
}

/// Measures everything and prints the tables.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let (setups, programs, enough) = (options.servers()?, options.vercel_programs()?, options.enough()?);
    let api = ApiServer::start(&setups[0])?;
    let mut bare = Bare::new(api.address)?;
    let (_, snapshot) = bare.deploy(Stopwatch::new(None)).await?;

    let mut platforms = Platforms::start(&setups, api.address).await?;
    eprintln!("requests are counted");
    let counter = Counter::start(api.address)?;
    let mut cells = Vec::new();
    for (number, client) in ApiClient::all(counter.address, &programs)?.iter_mut().enumerate() {
        for work in Work::ALL {
            let count = count(client, work, &snapshot, &counter, &mut bare).await?;
            cells.push(Cell { work, client: number, count, runs: Vec::new(), rounds: Vec::new() });
        }
    }
    platforms.count(&setups[0], &counter).await?;

    // A fixed seed gives every run the same orders.
    let (mut clients, mut random) = (ApiClient::all(api.address, &programs)?, Rng::with_seed(1));
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        // The first round warms everything up and is not kept.
        let MinimumLoad { requests, .. } = if round == 0 { MinimumLoad { requests: 5, ..enough } } else { enough };
        measure(&mut cells, &mut clients, &snapshot, &mut bare, requests, &mut random).await?;
        platforms.measure(requests, round > 0).await;
        for cell in &mut cells {
            let runs = std::mem::take(&mut cell.runs);
            cell.rounds.extend((round > 0).then_some(runs));
        }
    }

    let rows = |work: Work| {
        let of_work = cells.iter().filter(move |cell| cell.work == work);
        of_work
            .map(|cell| ClientRow::new(clients[cell.client].title(), cell.count, &cell.milestones()))
            .collect::<Vec<_>>()
    };
    for work in Work::ALL {
        println!("{}", report::clients(work.title(), &rows(work)));
    }
    println!("{}", platforms.report());
    Ok(())
}

/// Does one kind of work after the other. Each kind is done `times` times with each client, in a random order each
/// time. Work leaves something to clean up in the server and in the kernel, which slows down the next piece; this way
/// that is of the same kind.
async fn measure(
    cells: &mut [Cell],
    clients: &mut [ApiClient],
    snapshot: &str,
    bare: &mut Bare,
    times: usize,
    random: &mut Rng,
) -> anyhow::Result<()> {
    for work in Work::ALL {
        let mut order: Vec<_> = (0..cells.len()).filter(|index| cells[*index].work == work).collect();
        for _ in 0..times {
            random.shuffle(&mut order);
            for index in &order {
                let cell = &mut cells[*index];
                let (run, made) = clients[cell.client].run(work, snapshot, Stopwatch::new(None)).await?;
                cell.runs.push(run);
                if let Some(made) = made {
                    // Outside of the measured time, so that no round finds more snapshots in the server than another.
                    bare.remove_snapshot(&made).await?;
                }
            }
        }
    }
    Ok(())
}

/// Counts what one piece of work sends to the API.
async fn count(
    client: &mut ApiClient,
    work: Work,
    snapshot: &str,
    counter: &Counter,
    bare: &mut Bare,
) -> anyhow::Result<Count> {
    let mut counts = Vec::new();
    for _ in 0..=COUNTED {
        counter.reset();
        let (run, made) = client.run(work, snapshot, Stopwatch::new(Some(counter))).await?;
        counts.push(counter.all(run.outcome.answered).await);
        if let Some(made) = made {
            bare.remove_snapshot(&made).await?;
        }
    }
    Ok(Count::of(&counts))
}

impl Cell {
    /// Returns the times to the outcome and to the end, one sorted list for each round.
    fn milestones(&self) -> [Vec<Vec<Duration>>; 2] {
        let of = |milestone: fn(&Run) -> Duration| {
            let sorted = self.rounds.iter().map(|runs| {
                let mut times: Vec<_> = runs.iter().map(milestone).collect();
                times.sort_unstable();
                times
            });
            sorted.collect()
        };
        [of(|run| run.outcome.time), of(|run| run.end.time)]
    }
}
