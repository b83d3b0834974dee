//! The whole run over the API, part by part, and its output.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tables are the program's output, beside its progress"
)]

use std::time::Duration;

use fastrand::Rng;

use super::api::ApiServer;
use super::bare::Bare;
use super::count::{COUNTED, Count};
use super::counter::Counter;
use super::platform::Platforms;
use super::watch::{Run, Watch};
use super::way::Way;
use super::work::Work;
use crate::load::Enough;
use crate::options::Options;
use crate::report::{self, WayRow};

/// One piece of work done with one client, and its figures.
struct Cell {
    work: Work,
    /// The index of the client.
    way: usize,
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
    let (_, snapshot) = bare.deploy(Watch::new(None)).await?;

    let mut platforms = Platforms::start(&setups, api.address).await?;
    eprintln!("requests are counted");
    let counter = Counter::start(api.address)?;
    let mut cells = Vec::new();
    for (number, way) in Way::all(counter.address, &programs)?.iter_mut().enumerate() {
        for work in Work::ALL {
            let count = count(way, work, &snapshot, &counter, &mut bare).await?;
            cells.push(Cell { work, way: number, count, runs: Vec::new(), rounds: Vec::new() });
        }
    }
    platforms.count(&setups[0], &counter).await?;

    let (mut ways, mut random) = (Way::all(api.address, &programs)?, Rng::with_seed(1));
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        // The first round warms everything up and is not kept.
        let Enough { requests, .. } = if round == 0 { Enough { requests: 5, ..enough } } else { enough };
        measure(&mut cells, &mut ways, &snapshot, &mut bare, requests, &mut random).await?;
        platforms.measure(requests, round > 0).await;
        for cell in &mut cells {
            let runs = std::mem::take(&mut cell.runs);
            cell.rounds.extend((round > 0).then_some(runs));
        }
    }

    let rows = |work: Work| {
        let of_work = cells.iter().filter(move |cell| cell.work == work);
        of_work.map(|cell| WayRow::new(ways[cell.way].title(), cell.count, &cell.marks())).collect::<Vec<_>>()
    };
    for work in Work::ALL {
        println!("{}", report::ways(work.title(), &rows(work)));
    }
    println!("{}", platforms.report());
    Ok(())
}

/// Does one kind of work after the other. Each kind is done `times` times with each client, in a random order each
/// time. Work leaves something to clean up in the server and in the kernel, which slows down the next piece; this way
/// that is of the same kind.
async fn measure(
    cells: &mut [Cell],
    ways: &mut [Way],
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
                let (run, made) = ways[cell.way].run(work, snapshot, Watch::new(None)).await?;
                cell.runs.push(run);
                if let Some(made) = made {
                    bare.remove_snapshot(&made).await?;
                }
            }
        }
    }
    Ok(())
}

/// Counts what one piece of work sends to the API.
async fn count(way: &mut Way, work: Work, snapshot: &str, counter: &Counter, bare: &mut Bare) -> anyhow::Result<Count> {
    let mut counts = Vec::new();
    for _ in 0..=COUNTED {
        counter.reset();
        let (run, made) = way.run(work, snapshot, Watch::new(Some(counter))).await?;
        counts.push(counter.all(run.outcome.answered).await);
        if let Some(made) = made {
            bare.remove_snapshot(&made).await?;
        }
    }
    Ok(Count::of(&counts))
}

impl Cell {
    /// Returns the times to the outcome and to the end, one sorted list for each round.
    fn marks(&self) -> [Vec<Vec<Duration>>; 2] {
        let of = |mark: fn(&Run) -> Duration| {
            let sorted = self.rounds.iter().map(|runs| {
                let mut times: Vec<_> = runs.iter().map(mark).collect();
                times.sort_unstable();
                times
            });
            sorted.collect()
        };
        [of(|run| run.outcome.time), of(|run| run.end.time)]
    }
}
