//! Every way in which an invocation ends has its code, and keeps the log.

use serde_json::json;

use super::super::support::{TestServer, messages};

/// Invokes `f` of the code on a server with little time and memory. Returns status and body.
async fn outcome(code: &str) -> (u16, serde_json::Value) {
    let server = TestServer::start(&["--timeout", "2s", "--memory", "128MiB"]);
    let id = server.deploy(code).await;
    server.call(&id, "f", &json!({})).await
}

fn logged(body: &serde_json::Value) -> Vec<&str> {
    body["logs"].as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_result_comes_with_its_receipt() {
    let (status, body) = outcome("export const f = async () => { console.log('hi'); return { a: [1] } }").await;
    assert_eq!((status, &body["success"], &body["result"]), (200, &json!(true), &json!({"a": [1]})));
    assert_eq!(body["logs"][0]["level"], "info");
    assert!(body["duration"].is_u64() && body["timings"]["sandbox"].as_f64().unwrap() > 0.0, "{body}");
    if TestServer::IS_CLOUD {
        // The cloud does not report usage.
        return;
    }
    assert!(body["cpuMs"].as_f64().unwrap() > 0.0 && body["maxMemoryBytes"].as_u64().unwrap() > 1 << 20, "{body}");
}

#[tokio::test]
async fn a_thrown_error_names_the_user_s_own_line() {
    let (status, body) = outcome(
        "type A = string;\n\nexport function f() {\n  console.log('before');\n  throw new TypeError('boom');\n}",
    )
    .await;
    assert_eq!((status, body["code"].as_str(), body["error"].as_str()), (500, Some("thrown"), Some("boom")));
    assert_eq!(body["name"], "TypeError");
    assert!(body["stack"].as_str().unwrap().contains("worker.ts:5:9"), "{}", body["stack"]);
    assert_eq!(logged(&body), ["before"]);
}

#[tokio::test]
async fn what_was_thrown_along_arrives_too() {
    let server = TestServer::start(&[]);
    let code = "export function f() { throw Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'ENOENT' }) }
        export function g() { throw { odd: 1 } }";
    let id = server.deploy(code).await;
    let (_, body) = server.call(&id, "f", &json!({})).await;
    assert_eq!((&body["errorCode"], &body["cause"]["message"]), (&json!("ENOENT"), &json!("inner")), "{body}");
    let events = server.stream(&id, "g", &json!({})).await.all().await;
    assert_eq!(events[0].data["value"], json!({"odd": 1}), "{}", events[0].data);
}

#[tokio::test]
async fn a_function_that_never_ends_is_stopped_with_its_log() {
    let (status, body) = outcome("export function f() { console.log('before'); for (;;); }").await;
    assert_eq!((status, body["code"].as_str()), (504, Some("timeout")));
    assert_eq!(logged(&body), ["before"]);
}

#[tokio::test]
async fn a_promise_that_nothing_can_settle_is_reported_at_once() {
    let (status, body) = outcome("export const f = () => new Promise(() => { console.log('before') })").await;
    assert_eq!((status, body["code"].as_str()), (500, Some("never_settled")));
    assert_eq!(logged(&body), ["before"]);
}

#[tokio::test]
async fn an_exit_a_crash_and_a_failed_load_are_distinguished() {
    let server = TestServer::start(&[]);
    let cases = [
        ("export function f() { process.exit(0) }", "process_exit"),
        ("export function f() { setTimeout(() => process.exit(7), 1); return new Promise(() => {}) }", "process_exit"),
        ("export function f() { process.abort() }", "crashed"),
        ("export function f() { process.kill(process.pid, 'SIGSEGV'); for (;;); }", "crashed"),
        ("console.log('top'); throw new Error('no'); export function f() {}", "load_failed"),
        (
            "export async function f() { Promise.reject(new Error('late')); await new Promise((r) => setTimeout(r, 1000)) }",
            "thrown",
        ),
    ];
    for (code, expected) in cases {
        let id = server.deploy(code).await;
        let (status, body) = server.call(&id, "f", &json!({})).await;
        assert_eq!((status, body["code"].as_str()), (500, Some(expected)), "{code}: {body}");
    }
}

#[tokio::test]
async fn a_result_over_the_limit_is_refused() {
    let server = TestServer::start(&["--max-result", "1KiB"]);
    let id = server.deploy("export const f = (n) => 'x'.repeat(n)").await;
    assert_eq!(server.call(&id, "f", &json!(1000)).await.0, 200);
    let (status, body) = server.call(&id, "f", &json!(1100)).await;
    assert_eq!((status, body["code"].as_str()), (500, Some("result_too_large")));
}

#[tokio::test]
async fn two_invocations_share_nothing() {
    let server = TestServer::start(&[]);
    let code = "import fs from 'node:fs'; globalThis.calls ??= 0;
        export function f() { const before = fs.existsSync('/tmp/mark'); fs.writeFileSync('/tmp/mark', 'x'); return { before, calls: ++globalThis.calls, env: Object.keys(process.env).filter((n) => n.startsWith('WORKERS')), random: Math.random() } }";
    let id = server.deploy(code).await;
    let first = server.call(&id, "f", &json!({})).await.1["result"].clone();
    let second = server.call(&id, "f", &json!({})).await.1["result"].clone();
    for result in [&first, &second] {
        assert_eq!((&result["before"], &result["calls"], &result["env"]), (&json!(false), &json!(1), &json!([])));
    }
    assert_ne!(first["random"], second["random"]);
}

#[tokio::test]
async fn a_stream_ends_with_exactly_one_result_or_error() {
    let server = TestServer::start(&[]);
    let id =
        server.deploy("export function f(x) { console.log('a'); if (x.fail) throw new Error('no'); return 1 }").await;
    for (payload, last) in [(json!({}), "result"), (json!({"fail": true}), "error")] {
        let events = server.stream(&id, "f", &payload).await.all().await;
        assert_eq!(messages(&events), ["a"]);
        assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["log", last]);
    }
}
