//! Many workers, invoked at once and at random, that leave whatever they can: no invocation sees anything of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use workers_testing::Random;

use super::{count, server};
use crate::support::local::TestServer;

/// What each invocation can do when it has looked around.
const ACTS: u64 = 14;

/// A worker that knows a secret, and leaves it everywhere.
fn code(number: usize) -> String {
    format!(
        r#"
        import fs from "node:fs";
        import {{ spawn }} from "node:child_process";
        const secret = "secret-{number}-";
        let calls = 0;
        const list = (path: string) => fs.readdirSync(path).sort();
        export const main = async ({{ act }}: {{ act: number }}) => {{
            const seen = {{
                calls,
                left: (globalThis as any).left ?? null,
                variable: process.env.LEFT ?? null,
                temporary: list("/tmp"),
                work: list("/work"),
                processes: list("/proc").filter((name) => /^\d+$/.test(name)).length <= 3,
                descriptors: list("/proc/self/fd").map(Number).filter((fd) => fd < 512).length,
                listeners: process.listenerCount("SIGUSR2"),
                random: Math.random(),
            }};
            calls++;
            (globalThis as any).left = process.env.LEFT = secret;
            process.on("SIGUSR2", () => {{}});
            console.log(secret + "printed");
            switch (act) {{
                case 0: fs.writeFileSync("/tmp/left", secret); break;
                case 1: fs.writeFileSync("left", secret); break;
                case 2: fs.openSync("/etc/hosts", "r"); break;
                case 3: spawn(process.execPath, ["-e", "setInterval(() => {{}}, 1000)"], {{ detached: true, stdio: "ignore" }}).unref(); break;
                case 4: throw new Error(secret);
                case 5: process.exit(7);
                case 6: process.kill(process.pid, "SIGKILL"); break;
                case 7: await new Promise((done) => setTimeout(done, 5)); break;
                case 8: await fs.promises.readFile("/etc/hosts"); break;
                case 9: Buffer.alloc(30 << 20, secret); break;
                case 10: if (process.pid !== 2) process.kill(2, "SIGSTOP"); break;
                case 11: if (process.pid !== 2) process.kill(2, "SIGKILL"); break;
            }}
            return {{ secret, seen }};
        }};"#
    )
}

/// Returns what is wrong with a response of this worker.
fn fault(answer: &Value, number: usize, act: u64) -> Option<String> {
    let text = answer.to_string();
    let own = format!("secret-{number}-");
    let is_foreign = text.match_indices("secret-").any(|(at, _)| !text[at..].starts_with(&own));
    let expected = json!({
        "calls": 0, "left": null, "variable": null, "temporary": [], "work": ["worker.mjs"], "processes": true,
        "descriptors": answer["result"]["seen"]["descriptors"], "listeners": 0,
        "random": answer["result"]["seen"]["random"],
    });
    let is_fresh = match act {
        4..=6 => answer["success"] == false,
        _ => answer["result"]["seen"] == expected && answer["result"]["secret"] == own,
    };
    let is_ours = answer["code"] == "sandbox_failed" || answer["code"] == "busy";
    (is_foreign || !is_fresh || is_ours).then(|| format!("worker {number}, act {act}: {text}"))
}

async fn invoke(server: &TestServer, workers: &[String], left: &AtomicUsize, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut faults = Vec::new();
    while left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok() {
        // Some workers are asked for often and most are not, as in real life.
        let most = random.below(workers.len() as u64) + 1;
        let number = usize::try_from(random.below(most)).unwrap();
        // Most invocations leave nothing, so that sandboxes are used again.
        let act = if random.below(3) == 0 { random.below(ACTS) } else { ACTS };
        let (_, answer) = server.call(&workers[number], "main", &json!({"act": act})).await;
        faults.extend(fault(&answer, number, act));
    }
    faults
}

async fn crowd(workers: usize, invocations: usize) {
    let server = Arc::new(server("process"));
    let mut ids = Vec::new();
    for number in 0..workers {
        ids.push(server.deploy(&code(number)).await);
    }
    let (ids, left) = (Arc::new(ids), Arc::new(AtomicUsize::new(invocations)));
    let clients: Vec<_> = (1..=8)
        .map(|seed| {
            let (server, ids, left) = (Arc::clone(&server), Arc::clone(&ids), Arc::clone(&left));
            tokio::spawn(async move { invoke(&server, &ids, &left, seed * 7919).await })
        })
        .collect();
    let mut faults = Vec::new();
    for client in clients {
        faults.extend(client.await.unwrap());
    }
    assert!(faults.is_empty(), "{} of {invocations}: {}", faults.len(), faults.join("\n"));
    // Otherwise nothing was tried.
    assert!(count(&server, "reused").await > 0 && count(&server, "changed").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_invocation_of_many_workers_sees_anything_of_another() {
    crowd(20, 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn no_invocation_of_twenty_thousand_sees_anything_of_another() {
    crowd(200, 20_000).await;
}
