//! Measures a victim alone and beside an attack.

#![expect(clippy::print_stdout, reason = "the table is what the measurement is for")]

use std::time::Duration;

use super::attacker::{Attacker, Running};
use super::programs::programs;
use super::server::Server;
use super::victim::{OPERATIONS, Sample, Victim};

/// The victim's times, and how the server stopped.
#[derive(Default)]
struct Measured {
    alone: Vec<Sample>,
    beside: Vec<Sample>,
    stop: Option<Result<Duration, String>>,
}

/// Checks that a victim is served beside an attack, and that the server can be stopped during it.
pub(super) fn beside(name: &str, attacker: &Attacker) {
    let measured = measure(attacker, 1, 3);
    println!("{}", heading());
    println!("{}", row(name, &measured));
    let errors = errors(&measured.beside);
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    measured.stop.unwrap().unwrap();
}

/// Prints the victim's times beside each attack.
pub(super) fn table(all: &[(&str, Attacker)]) {
    println!("{}", heading());
    for (name, attacker) in all {
        println!("{}", row(name, &measure(attacker, 4, 5)));
    }
}

/// Measures in rounds, in turn alone and beside the attack, because a host is not always equally busy. The last attack
/// goes on while the server stops.
fn measure(attacker: &Attacker, rounds: usize, samples: usize) -> Measured {
    programs();
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut measured = Measured::default();
    let attack = runtime.block_on(async {
        let victim = Victim::new(&server).await;
        let mut attack: Option<Running> = None;
        for _ in 0..rounds {
            if let Some(before) = attack.take() {
                before.end().await;
            }
            for _ in 0..samples {
                measured.alone.push(victim.sample().await);
            }
            attack = Some(attacker.start(&server).await);
            for _ in 0..samples {
                measured.beside.push(victim.sample().await);
                if !errors(&measured.beside).is_empty() {
                    // More samples would show nothing new, and each one would wait until its timeout.
                    break;
                }
            }
        }
        attack
    });
    measured.stop = Some(server.stop());
    drop(attack);
    runtime.shutdown_background();
    measured
}

fn errors(samples: &[Sample]) -> Vec<String> {
    let named = samples.iter().flat_map(|sample| OPERATIONS.iter().zip(sample));
    named.filter_map(|(operation, done)| Some(format!("{operation}: {}", done.as_ref().err()?))).collect()
}

fn median(samples: &[Sample], operation: usize) -> Option<Duration> {
    let mut times: Vec<_> = samples.iter().filter_map(|sample| sample.get(operation)?.as_ref().ok().copied()).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn heading() -> String {
    let columns = OPERATIONS.map(|operation| format!(" {operation}, ms (alone, beside, ratio) |")).concat();
    let lines = "---|".repeat(OPERATIONS.len() + 3);
    format!("| attack |{columns} errors | end, s |\n|{lines}")
}

fn row(name: &str, measured: &Measured) -> String {
    let cell = |operation| {
        let (alone, beside) = (median(&measured.alone, operation), median(&measured.beside, operation));
        match (alone, beside) {
            (Some(alone), Some(beside)) => {
                let [alone, beside] = [alone, beside].map(|time| time.as_secs_f64() * 1000.0);
                format!(" {alone:.2} {beside:.2} {:.2} |", beside / alone)
            }
            _ => " - |".to_owned(),
        }
    };
    let cells: String = (0..OPERATIONS.len()).map(cell).collect();
    let end = match &measured.stop {
        Some(Ok(time)) => format!("{:.1}", time.as_secs_f64()),
        _ => "never".to_owned(),
    };
    format!("| {} |{cells} {} | {end} |", name.replace('_', " "), errors(&measured.beside).len())
}
