//! The error of a script when a process that it starts through a shell cannot be started.

use std::path::Path;

use serde_json::json;

use crate::support::Worker;

const CODE: &str = r#"
import { exec, execSync } from "node:child_process";
const told = (error: any) => [error.message, error.code, error.syscall];
export async function main({ cwd }: { cwd?: string }) {
  const asked = new Promise((done) => exec("echo hi", { cwd }, (error, out) => done(error ? told(error) : out)));
  try { return [execSync("echo hi", { cwd, encoding: "utf8" }), await asked] }
  catch (error) { return [told(error), await asked] }
}
"#;

#[test]
fn a_shell_that_is_not_there_is_told_with_what_to_do() {
    let preload = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/workers/no_shell.cjs");
    let option = format!("--require={}", preload.display());
    let run = Worker::new(CODE).limited(&option, 1 << 20, &["main", "{}"]);
    let hint = ": a worker runs where there may be no shell; start the program itself, with spawn, execFile or \
        execFileSync and without the option `shell`, as in execFile(process.execPath, [file])";
    let (sync, later) = (format!("spawnSync /bin/sh ENOENT{hint}"), format!("spawn /bin/sh ENOENT{hint}"));
    assert_eq!(run.value(), json!([[sync, "ENOENT", "spawnSync /bin/sh"], [later, "ENOENT", "spawn /bin/sh"]]));
}

#[test]
fn a_directory_that_is_not_there_is_not_taken_for_a_missing_shell() {
    let worker = Worker::new(CODE);
    assert_eq!(worker.framed("main", "{}").value(), json!(["hi\n", "hi\n"]));
    let run = worker.framed("main", r#"{"cwd":"/no/such/directory"}"#);
    let expected = json!([
        ["spawnSync /bin/sh ENOENT", "ENOENT", "spawnSync /bin/sh"],
        ["spawn /bin/sh ENOENT", "ENOENT", "spawn /bin/sh"],
    ]);
    assert_eq!(run.value(), expected);
}
