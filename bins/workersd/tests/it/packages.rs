//! Bundles work in isolated sandboxes, too: with packages in them, and with a module that runs itself.

use serde_json::{Value, json};

use crate::bundle::bundle;
use crate::support::Server;

fn node() -> std::ffi::OsString {
    let installed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node/bin/node");
    std::env::var_os("WORKERS_NODE").unwrap_or_else(|| installed.into_os_string())
}

/// Invokes a function. Returns its result and the messages that it logged.
async fn call(server: &Server<false>, code: &str, function: &str) -> (Value, Vec<String>) {
    let id = server.deploy(code).await;
    let events = server.stream(&id, function, &json!({})).await.all().await;
    let logs = events.iter().filter(|event| event.name == "log");
    let logs = logs.filter_map(|event| event.data["message"].as_str().map(str::to_owned)).collect();
    let last = events.last().unwrap();
    assert_eq!(last.name, "result", "{events:?}");
    (last.data["result"].clone(), logs)
}

#[tokio::test]
async fn pino_and_hono_do_what_they_are_for_in_a_sandbox() {
    let server = Server::start(&[]);
    let (result, logs) = call(&server, &bundle(node(), "pino", &[]), "main").await;
    assert_eq!(result, json!([{ "level": 40, "msg": "kept" }]));
    assert!(logs.concat().contains(r#""user":7,"msg":"hello ada""#), "{logs:?}");
    let (result, logs) = call(&server, &bundle(node(), "hono", &["--minify"]), "main").await;
    assert_eq!(result, json!([200, { "hello": "ada" }, 404]));
    assert!(logs[0].starts_with("<-- GET /hello/ada"), "{logs:?}");
}

const ITSELF: &str = r#"
import { exec, execSync, execFileSync, fork, spawnSync } from "node:child_process";
import util from "node:util";
import { Worker, isMainThread, parentPort } from "node:worker_threads";
if (!isMainThread) parentPort!.on("message", (n) => { parentPort!.postMessage(n + 1); parentPort!.close() });
else if (process.send) process.on("message", (n: number) => { process.send!(n + 1); process.disconnect() });
else if (process.argv[2] === "main") process.stdout.write("as a program");
const asked = (other: any) => new Promise((done, no) => { other.on("message", done).on("error", no); (other.postMessage ?? other.send).call(other, 1) });
export async function main() {
  return [
    await asked(new Worker(new URL(import.meta.url))), await asked(fork(import.meta.filename)), execFileSync(process.execPath, [import.meta.filename, "main"], { encoding: "utf8" }),
    (await import(import.meta.url)).main === main, util.getCallSites().length, util.getCallSites()[0].scriptName,
  ];
}
export async function shell() {
  const failed = await new Promise((done) => exec("ls", (error: any) => done([error.code, /ls: .*not found/.test(error.message)])));
  const piped = execSync("echo one two | { read first second; echo $second $first; }", { encoding: "utf8" });
  return [piped, spawnSync("exit 7", { shell: true }).status, failed];
}
"#;

#[tokio::test]
async fn a_module_runs_itself_in_a_sandbox() {
    let server = Server::start(&[]);
    let (result, logs) = call(&server, ITSELF, "main").await;
    assert_eq!(result, json!([2, 2, "as a program", true, 1, "worker.ts"]));
    assert_eq!(logs, Vec::<String>::new());
}

#[tokio::test]
async fn a_shell_runs_in_a_sandbox_and_says_which_programs_are_not_there() {
    let server = Server::start(&[]);
    let (seen, logs) = call(&server, ITSELF, "shell").await;
    assert_eq!(seen, json!(["two one\n", 7, [127, true]]));
    assert_eq!(logs, Vec::<String>::new());
}

/// The shell forks once before the bomb takes all processes: a shell that cannot fork exits, and the function would end
/// with it.
#[tokio::test]
async fn a_shell_that_forks_without_end_ends_with_its_invocation() {
    let server = Server::start(&["--timeout", "2s"]);
    let code = r#"import { execSync } from "node:child_process";
        export const bomb = () => { execSync("bomb() { bomb | bomb & }; (bomb) & kill -STOP $$") };
        export const main = () => 1"#;
    let id = server.deploy(code).await;
    let events = server.stream(&id, "bomb", &json!({})).await.all().await;
    let last = events.last().unwrap();
    assert_eq!((last.name.as_str(), &last.data["code"]), ("error", &json!("timeout")), "{events:?}");
    assert_eq!(call(&server, code, "main").await.0, json!(1));
}
