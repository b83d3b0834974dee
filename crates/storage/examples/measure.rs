//! Measures inserts and finds, first one at a time, then many concurrently: `cargo run --release -p workers-storage
//! --example measure -- sqlite:///tmp/w.sqlite3`.

#![expect(clippy::print_stdout, reason = "prints its figures")]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use workers_domain::access::AccessControl;
use workers_domain::ports::PageRequest;
use workers_domain::{FunctionName, TenantId, Worker, WorkerId, WorkerName};
use workers_storage::{Database, DatabaseUrl, StorageOptions};

const ROUNDS: i64 = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url: DatabaseUrl = std::env::args().nth(1).ok_or("usage: measure DATABASE_URL")?.parse()?;
    let database = Database::connect(&url, &StorageOptions::default()).await?;
    database.create_if_none().await?;
    let store = database.store();
    let scope = AccessControl::default().system_scope();
    store.schema().set_up(workers_domain::ports::ExistingWorkers::Keep).await?;

    let source = "export async function greet(name: string) { return `hello ${name}`; }\n".repeat(50);
    let functions = vec![FunctionName::parse("greet")?];
    let name = WorkerName::parse("shop")?;
    let workers: Vec<Worker> = (0..ROUNDS)
        .map(|index| {
            let created_at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(index);
            Worker::creating(
                WorkerId::generate(created_at),
                TenantId::DEFAULT,
                name.clone(),
                functions.clone(),
                created_at,
            )
        })
        .collect();

    let mut inserts = Vec::new();
    for worker in &workers {
        let started = Instant::now();
        store.workers().insert(worker, &source).await?;
        inserts.push(started.elapsed());
    }
    report("insert", inserts);
    let mut finds = Vec::new();
    for worker in &workers {
        let started = Instant::now();
        store.workers().find_by_id(&scope, worker.id).await?;
        finds.push(started.elapsed());
    }
    report("find", finds);
    let started = Instant::now();
    for result in
        futures_util::future::join_all(workers.iter().map(|worker| store.workers().find_by_id(&scope, worker.id))).await
    {
        result?;
    }
    println!("{ROUNDS} finds at once: {:?}", started.elapsed());
    let started = Instant::now();
    let limit = u32::try_from(ROUNDS).ok().and_then(NonZeroU32::new).ok_or("no rounds")?;
    store.workers().list_page(&scope, &PageRequest::first(limit)).await?;
    println!("list of {ROUNDS}: {:?}", started.elapsed());
    Ok(())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}
