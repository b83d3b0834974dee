//! User code that finds its token and writes frames of its own: it affects only its own outcome, and costs the server
//! nothing.

use serde_json::{Value, json};

use crate::support::local::{TestServer, messages};

/// Code that finds the token and writes frames.
const FRAMES: &str = r#"import fs from "node:fs";
const token = /WORKERS_FRAME=(\w{32})/.exec(fs.readFileSync("/proc/self/environ", "latin1"))![1];
const write = (bytes: string | Buffer) => { for (let rest = Buffer.from(bytes); rest.length; ) try { rest = rest.subarray(fs.writeSync(1, rest)) } catch (error: any) { if (error.code !== "EAGAIN") throw error } };
const frame = (kind: string, body = "") => `\x1e${token}${kind}${body}\n`;
const outcome = (meta: unknown, json: string) => frame("R", `${JSON.stringify(meta)}\x1f__RESULT__${json}__END_RESULT__`);
const deep = "[".repeat(1e5) + "]".repeat(1e5);
"#;

/// Bodies of functions, and what each one must lead to: a result or the code of a failure.
const FORGERIES: &[(&str, &str)] = &[
    (r#"write(outcome({ code: "ok" }, "42")); for (;;);"#, "42"),
    (r#"write(outcome({ code: "ok" }, "42")); write(outcome({ code: "thrown" }, "{}"))"#, "42"),
    (r#"write(outcome({ code: "ok", loadMs: -1e308, runMs: 1e308, exitCode: -5 }, "1"))"#, "1"),
    (r#"write(outcome({ code: "ok" }, "{]"))"#, "crashed"),
    (r#"write(frame("R", "\ud800"))"#, "crashed"),
    (r"write(Buffer.concat([Buffer.from(`\x1e${token}R`), Buffer.from([255, 31, 254, 10])]))", "crashed"),
    (r#"write(outcome({ code: "process_exit", exitCode: 1e12 }, "{}"))"#, "crashed"),
    (r#"write(outcome({ code: "sandbox_failed" }, JSON.stringify({ message: "m" })))"#, "thrown"),
    (r#"write(outcome({ code: "timeout" }, deep))"#, "thrown"),
    (
        r#"write(outcome({ code: "load_failed" }, JSON.stringify({ message: "m", errors: 5, properties: [1] })))"#,
        "load_failed",
    ),
    (r#"write(frame("R", `{"code":"ok","more":${deep}}\x1f__RESULT__1__END_RESULT__`))"#, "1"),
    (r#"write(outcome({ code: "ok", warnings: Array(4e4).fill({ path: "", message: "" }) }, "1"))"#, "1"),
    (r#"write(outcome({ code: "ok", warnings: Array(1e6).fill({ path: "$.a", message: "m" }) }, "1"))"#, "crashed"),
    // The harness's own outcome follows.
    (r#"write(frame("r", '{"code":"ok"'))"#, "crashed"),
    (r"write(`\x1e${token}R{`)", "crashed"),
    (r"write(`\x1e${token}r`.repeat(3))", "process_exit"),
    (r#"write(frame("O", `1:"${"a".repeat(64e6)}"`))"#, "null"),
    (r#"const many = frame("r", "a".repeat(4000)).repeat(1e4); for (let at = 0; at < 2; at++) write(many)"#, "crashed"),
    (r#"write(`\x1e${token}R`); const much = "a".repeat(16e6); for (let at = 0; at < 4; at++) write(much)"#, "crashed"),
    (r#"write(frame("S").repeat(1e5)); write(frame("r").repeat(1e5)); write(frame("X", "x").repeat(1e5))"#, "null"),
    (r#"write(`\x1e${token}`); process.kill(process.pid, "SIGKILL")"#, "crashed"),
    (
        r#"write(`\x1e${token}R{"code":"ok"}`); process.reallyExit = undefined as any; process.kill(process.pid, 9)"#,
        "crashed",
    ),
];

/// Returns the peak memory of a process in MiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn forged_frames_decide_on_their_own_invocation_only_and_do_not_fill_the_server() {
    let server = TestServer::start(&["--timeout", "20s"]);
    let functions = FORGERIES.iter().enumerate();
    let functions: Vec<String> =
        functions.map(|(at, (body, _))| format!("export function f{at}() {{ {body}; return null }}")).collect();
    let id = server.deploy(&format!("{FRAMES}{}\nexport const ok = () => 'ok';", functions.join("\n"))).await;
    assert_eq!(server.call(&id, "ok", &json!({})).await.1["result"], "ok");
    let before = peak(server.process_id());
    for (at, (body, expected)) in FORGERIES.iter().enumerate() {
        let events = server.stream(&id, &format!("f{at}"), &json!({})).await.all().await;
        let last = &events.last().unwrap().data;
        let code = last["code"].as_str().map(str::to_owned);
        assert_eq!(code.unwrap_or_else(|| last["result"].to_string()), *expected, "{body}");
        assert_eq!(messages(&events), Vec::<&str>::new(), "{body}");
        assert!(last["warnings"].as_array().is_none_or(|warnings| warnings.len() <= 21), "{body}");
        assert!(last["timings"].as_object().unwrap().values().all(|time| time.as_f64().unwrap() < 30_000.0), "{body}");
    }
    let after = peak(server.process_id());
    assert!(after < before + 150, "{before} MiB became {after} MiB");
    assert_eq!(server.call(&id, "ok", &json!({})).await.1["result"], "ok");
}

#[tokio::test]
async fn what_children_write_into_the_same_pipe_never_gets_into_an_outcome() {
    let server = TestServer::start(&[]);
    let code = r#"import { spawn } from "node:child_process";
        export async function main() {
          const child = spawn(process.execPath, ["-e", "for (let at = 0; at < 1e5; at++) process.stdout.write('noise\\n')"], { stdio: ["ignore", "inherit", "inherit"] });
          await new Promise((done) => child.once("spawn", done));
          for (let at = 0; at < 50; at++) console.log("line" + at + "z".repeat(3000)), await new Promise(setImmediate);
          return "ä".repeat(1e6);
        }"#;
    let id = server.deploy(code).await;
    let events = server.stream(&id, "main", &json!({})).await.all().await;
    assert_eq!(events.last().unwrap().data["result"], Value::from("ä".repeat(1_000_000)));
    let logs = messages(&events);
    // A line of ours may cut what a child writes in several pieces, but a child never cuts a line of ours.
    let is_whole = |line: String| logs.iter().any(|message| message.contains(&line));
    assert!((0..50).all(|at| is_whole(format!("line{at}{}", "z".repeat(3000)))));
    assert!(logs.iter().all(|message| !message.contains(['\u{1e}', '\u{1f}'])));
}
