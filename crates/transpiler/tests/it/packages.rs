//! Widely used packages work when they are bundled as the compiler's help text says.

use serde_json::{Value, json};

use crate::{
    bundle::bundle,
    support::{Framed, Worker, node},
};

/// Runs `main` of a bundle, unminified and minified. Minifying changes how the bundle loads the modules of Node.js.
fn run(name: &str) -> Framed {
    let [run, minified] = [&[][..], &["--minify"]].map(|more| {
        let run = Worker::new(&bundle(node(), name, more)).framed("main", "{}");
        assert_eq!(run.code(), "ok", "{name} {more:?}: {}", run.json);
        run
    });
    assert_eq!(run.value(), minified.value());
    run
}

/// Returns everything printed to either stream, inside and outside of frames: some packages write to descriptors
/// directly.
fn printed(run: &Framed) -> String {
    run.printed.iter().map(|(_, text)| text.as_str()).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn axios_asks_a_server() {
    assert_eq!(run("axios").value(), json!([200, { "url": "/path?a=1", "agent": "axios" }, "ERR_BAD_RESPONSE"]));
}

#[test]
fn debug_prints() {
    let run = run("debug");
    assert_eq!(run.value(), json!([true, false]));
    assert!(printed(&run).ends_with(" worker:main number 1, object { a: 1 }\n"), "{}", printed(&run));
}

#[test]
fn express_answers_a_request() {
    assert_eq!(run("express").value(), json!([201, { "hello": "ada", "body": { "n": 1 } }, "Express"]));
}

#[test]
fn fastify_answers_requests() {
    assert_eq!(run("fastify").value(), json!([200, { "hello": "ada" }, 400, 200, { "hello": "bob" }]));
}

#[test]
fn hono_answers_a_request() {
    let run = run("hono");
    assert_eq!(run.value(), json!([200, { "hello": "ada" }, 404]));
    assert!(run.stdout().starts_with("<-- GET /hello/ada\n--> GET /hello/ada "), "{}", run.stdout());
}

#[test]
fn jsonwebtoken_signs_and_verifies() {
    assert_eq!(run("jsonwebtoken").value(), json!(["ada", 60, "invalid signature"]));
}

#[test]
fn pino_logs_lines_of_json() {
    let run = run("pino");
    assert_eq!(run.value(), json!([{ "level": 40, "msg": "kept" }]));
    let logged = lines(&printed(&run));
    assert_eq!(logged[0], json!({ "level": 30, "service": "worker", "user": 7, "msg": "hello ada" }));
    assert_eq!((&logged[1]["part"], &logged[1]["err"]["message"]), (&json!("b"), &json!("failed")));
    assert!(
        logged[1]["err"]["stack"].as_str().is_some_and(|stack| stack.contains("main (worker.ts:")),
        "{}",
        logged[1]
    );
}

#[test]
fn winston_logs_lines_of_json() {
    let run = run("winston");
    let line = json!({ "level": "info", "message": "hello ada", "user": 7 });
    assert_eq!((lines(&printed(&run)), run.value()), (vec![line.clone()], json!([line])));
}

#[test]
fn ws_echoes() {
    assert_eq!(run("ws").value(), json!([["text", false], ["bytes", true]]));
}

/// Returns the number, from 1, of the line of the bundle that contains `text`.
fn line_of(code: &str, text: &str) -> usize {
    code.lines().position(|line| line.contains(text)).expect("it is there") + 1
}

#[test]
fn callsites_sees_the_users_frames_only() {
    let code = bundle(node(), "callsites", &[]);
    let expected = json!([
        ["inner", "worker.ts", line_of(&code, "callsites().map(")],
        ["main", "worker.ts", line_of(&code, "return inner()")],
    ]);
    assert_eq!(Worker::new(&code).result("main"), expected);
}

#[test]
fn source_map_support_writes_the_users_frames_only() {
    let code = bundle(node(), "source-map-support", &[]);
    let places = |value: &Value| -> Vec<String> {
        let text = value.as_str().expect("a stack");
        text.lines().map(|line| line.rsplit_once(':').map_or(line, |(place, _)| place).to_owned()).collect()
    };
    let result = Worker::new(&code).result("main");
    let thrower = format!("    at thrower (worker.ts:{}", line_of(&code, "new Error(\"shown\")"));
    let sync = format!("    at main (worker.ts:{}", line_of(&code, "const sync = "));
    let later = format!("    at main (worker.ts:{}", line_of(&code, "return [sync"));
    assert_eq!(places(&result[0]), ["Error", &thrower, &sync]);
    assert_eq!(places(&result[1]), ["Error", &thrower, &later]);
}
