//! What a bundle does at its top level, and whether it can be loaded once for all invocations: no invocation may tell
//! that it was, except by its speed.

mod crowd;

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::local::TestServer;

const PROGRAMS: &str = include_str!("programs.json");

/// How many invocations of each program are compared.
const CALLS: usize = 4;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    name: String,
    code: Vec<String>,
    /// When the bundle is loaded; `None` if it may be either.
    loads: Option<Loads>,
    /// The result of each call; absent if it is not compared.
    expected: Option<Value>,
    /// Whether no two calls have the same result.
    #[serde(default)]
    distinct: bool,
    logs: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Loads {
    /// Once, in the process that the invocations are forked from.
    Once,
    /// In each invocation.
    Each,
}

fn server(isolation: &str) -> TestServer {
    TestServer::start(&["--isolation", isolation])
}

async fn count(server: &TestServer, step: &str) -> u64 {
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    let start = format!("workers_sandboxes_kept_total{{step=\"{step}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap()
}

/// The part of a response that must not depend on how the bundle was loaded.
#[derive(Debug, PartialEq)]
struct Seen {
    success: Value,
    result: Value,
    code: Value,
    logs: Vec<String>,
}

impl Seen {
    fn of(answer: &Value) -> Self {
        let log = answer["logs"].as_array().unwrap().iter();
        Self {
            success: answer["success"].clone(),
            result: answer["result"].clone(),
            code: answer["code"].clone(),
            logs: log.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect(),
        }
    }
}

impl Program {
    async fn deploy(&self, server: &TestServer) -> String {
        server.deploy(&self.code.join("\n")).await
    }

    /// Invokes the program until it is decided how it is loaded, and then some more. Returns all responses.
    async fn call_until_decided(&self, server: &TestServer, id: &str) -> Vec<Value> {
        let began = Instant::now();
        let before = count(server, "unfit").await;
        let mut answers = Vec::new();
        loop {
            let (_, answer) = server.call(id, "main", &json!({})).await;
            let is_kept = answer["isolation"] == "process";
            answers.push(answer);
            let is_decided = is_kept || (self.loads != Some(Loads::Once) && count(server, "unfit").await > before);
            if is_decided {
                break;
            }
            if began.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
        for _ in 0..CALLS {
            answers.push(server.call(id, "main", &json!({})).await.1);
        }
        answers
    }

    /// Returns what is wrong with the responses.
    fn faults(&self, answers: &[Value], reference: &[Value]) -> Vec<String> {
        let seen: Vec<Seen> = answers.iter().map(Seen::of).collect();
        let expected: Vec<Seen> = reference.iter().map(Seen::of).collect();
        let is_kept = answers.iter().any(|answer| answer["isolation"] == "process");
        let is_plain = |answer: &Value| answer["isolation"] == "sandbox" && answer["reused"] == false;
        let mut results: Vec<String> = seen.iter().chain(&expected).map(|one| one.result.to_string()).collect();
        let calls = results.len();
        results.sort();
        results.dedup();
        let faults = [
            (self.distinct && results.len() < calls, "two calls have the same result"),
            (!self.distinct && seen.iter().any(|one| *one != expected[0]), "a call differs"),
            (self.expected.as_ref().is_some_and(|result| expected[0].result != *result), "another result"),
            (self.logs.as_ref().is_some_and(|logs| expected[0].logs != *logs), "another log"),
            (self.loads.is_some_and(|loads| is_kept != (loads == Loads::Once)), "it is loaded at another time"),
            (!reference.iter().all(is_plain), "a sandbox that has to be new is not"),
        ];
        let faults = faults.into_iter().filter(|(is_there, _)| *is_there);
        faults.map(|(_, what)| format!("{}: {what}: {seen:?}, by itself {expected:?}", self.name)).collect()
    }
}

/// Runs every fourth program, from one on, so that four tests share them.
async fn run_every_fourth(first: usize) {
    let programs: Vec<Program> = serde_json::from_str(PROGRAMS).unwrap();
    assert!(programs.len() >= 60);
    let (plain, kept) = (server("sandbox"), server("process"));
    let mut faults = Vec::new();
    for program in programs.iter().skip(first).step_by(4) {
        let (id, plain_id) = (program.deploy(&kept).await, program.deploy(&plain).await);
        let answers = program.call_until_decided(&kept, &id).await;
        let mut reference = Vec::new();
        for _ in 0..2 {
            reference.push(plain.call(&plain_id, "main", &json!({})).await.1);
        }
        faults.extend(program.faults(&answers, &reference));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

macro_rules! tests {
    ($($name:ident: $first:literal,)*) => {
        $(#[tokio::test]
        async fn $name() {
            run_every_fourth($first).await;
        })*
    };
}

tests! {
    no_invocation_can_tell_whether_its_bundle_was_loaded_once_for_all_1: 0,
    no_invocation_can_tell_whether_its_bundle_was_loaded_once_for_all_2: 1,
    no_invocation_can_tell_whether_its_bundle_was_loaded_once_for_all_3: 2,
    no_invocation_can_tell_whether_its_bundle_was_loaded_once_for_all_4: 3,
}
