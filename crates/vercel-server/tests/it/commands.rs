//! Commands and their output.

use futures_util::StreamExt as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestServer, code, lines, nulls};

/// Returns the next piece of a stream as text.
async fn next(stream: &mut (impl futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin)) -> String {
    String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap()
}

async fn rest(response: Response) -> Vec<Value> {
    lines(&response.text().await.unwrap())
}

fn printed(lines: &[Value], stream: &str) -> String {
    lines.iter().filter(|line| line["stream"] == stream).map(|line| line["data"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_waited_command_is_a_stream_from_its_start_to_its_end() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    server.gate.notify_one();
    let lines = server.run(&session, "gate", &["a", "b"]).await;
    let (first, last) = (&lines[0]["command"], &lines[lines.len() - 1]["command"]);
    assert_eq!(
        (&first["name"], &first["args"], &first["cwd"]),
        (&json!("gate"), &json!(["a", "b"]), &json!("/vercel"))
    );
    assert_eq!(nulls(first), [".exitCode"]);
    assert_eq!(last["exitCode"], 3);
    assert!(last["durationMs"].is_u64() && nulls(last).is_empty(), "{last}");
    assert_eq!((printed(&lines, "stdout"), printed(&lines, "stderr")), ("one\n".to_owned(), "two\n".to_owned()));
}

#[tokio::test]
async fn a_streams_head_and_first_lines_come_before_the_end_and_its_type_is_exact() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = json!({ "command": "gate", "wait": true, "logs": true });
    let response = server.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let mut stream = response.bytes_stream();
    let mut text = next(&mut stream).await;
    while !text.contains("one") {
        text.push_str(&next(&mut stream).await);
    }
    assert!(text.ends_with("{\"stream\":\"stdout\",\"data\":\"one\\n\"}\n"), "{text}");
    server.gate.notify_one();
    let rest: Vec<_> = stream.map(|piece| piece.unwrap().to_vec()).collect().await;
    assert!(String::from_utf8(rest.concat()).unwrap().contains("\"exitCode\":3"));
}

#[tokio::test]
async fn a_silent_commands_head_comes_at_once() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "sleep", &[]).await;
    // Without an early head, each of these would wait for it until the command ends.
    let logs = server.send(Method::GET, &format!("{command}/logs"), None).await;
    let waited = server.send(Method::GET, &format!("{command}?wait=true"), None).await;
    assert!(waited.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
    server.post(&format!("{command}/kill"), json!({ "signal": 15 })).await;
    assert!(rest(logs).await.is_empty());
    let answer: Value = waited.json().await.unwrap();
    assert_eq!(answer["command"]["exitCode"], 143);
}

#[tokio::test]
async fn output_is_ascii_on_the_wire_and_no_character_is_cut() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let text = "aé€😀\n\"\\";
    let command = server.detached(&session, "bytes", &[text]).await;
    let response = server.send(Method::GET, &format!("{command}/logs"), None).await;
    let body = response.bytes().await.unwrap();
    assert!(body.is_ascii());
    assert_eq!(printed(&lines(std::str::from_utf8(&body).unwrap()), "stdout"), text);
    let waited = server.run(&session, "echo", &["ü"]).await;
    assert_eq!(waited[0]["command"]["args"], json!(["ü"]));
    assert_eq!(printed(&server.run(&session, "invalid", &[]).await, "stdout"), "a\u{fffd}b");
}

#[tokio::test]
async fn two_readers_follow_a_log_and_it_can_be_read_again() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "gate", &[]).await;
    let path = format!("{command}/logs");
    let (one, other) = tokio::join!(server.send(Method::GET, &path, None), server.send(Method::GET, &path, None));
    server.gate.notify_one();
    let (one, other) = (rest(one).await, rest(other).await);
    let again = rest(server.send(Method::GET, &path, None).await).await;
    assert_eq!(one, [json!({ "stream": "stdout", "data": "one\n" }), json!({ "stream": "stderr", "data": "two\n" })]);
    assert!(one == other && one == again);
    let (_, answer) = server.get(&format!("{command}?wait=true")).await;
    assert_eq!(answer["command"]["exitCode"], 3);
    assert_eq!(server.get(&command).await.1, answer);
}

#[tokio::test]
async fn a_detached_command_is_answered_while_it_runs() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let (status, answer) = server.post(&format!("{session}/cmd"), json!({ "command": "sleep" })).await;
    assert_eq!((status, &answer["command"]["exitCode"]), (200, &Value::Null));
    assert_eq!(nulls(&answer), [".command.exitCode"]);
    server.detached(&session, "echo", &[]).await;
    let (_, list) = server.get(&format!("{session}/cmd")).await;
    let names: Vec<_> = list["commands"].as_array().unwrap().iter().map(|command| &command["name"]).collect();
    assert_eq!(names, ["echo", "sleep"]);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_command_running() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = json!({ "command": "gate", "wait": true, "logs": true });
    let response = server.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
    drop(response);
    let (_, list) = server.get(&format!("{session}/cmd")).await;
    let id = list["commands"][0]["id"].as_str().unwrap();
    server.gate.notify_one();
    let (_, answer) = server.get(&format!("{session}/cmd/{id}?wait=true")).await;
    assert_eq!(answer["command"]["exitCode"], 3);
}

#[tokio::test]
async fn environment_directory_and_user_are_as_asked() {
    let server = TestServer::start().await;
    let created = server.create(json!({ "env": { "A": "default", "B": "b" } })).await;
    let session = crate::support::session_path(&created);
    let run = async |body: Value| {
        let mut body = body;
        body["wait"] = json!(true);
        body["logs"] = json!(true);
        let response = server.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
        printed(&rest(response).await, "stdout")
    };
    assert_eq!(run(json!({ "command": "env", "env": { "A": "own" } })).await, "A=own\nB=b\n");
    assert_eq!(run(json!({ "command": "pwd" })).await, "/vercel");
    assert_eq!(run(json!({ "command": "pwd", "cwd": "/tmp" })).await, "/tmp");
    assert_eq!(run(json!({ "command": "id", "sudo": true })).await, "root");
    assert_eq!(run(json!({ "command": "id", "sudo": false })).await, "user");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    for (body, expected) in [
        (json!({ "command": "missing", "wait": true, "logs": true }), "executable_not_found"),
        (json!({ "command": "" }), "bad_request"),
        (json!({ "args": [] }), "bad_request"),
        (json!({ "command": "echo", "args": ["x".repeat(128 << 10)] }), "bad_request"),
        (json!({ "command": "echo", "env": { "A": "x".repeat(128 << 10) } }), "bad_request"),
        (json!({ "command": "pwd", "cwd": "nowhere" }), "bad_request"),
        (json!({ "command": "pwd", "timeout": 99 }), "bad_request"),
        (json!({ "command": "pwd", "attachStdin": true }), "not_supported"),
    ] {
        let (status, answer) = server.post(&format!("{session}/cmd"), body.clone()).await;
        assert_eq!((status, code(&answer)), (400, expected), "{body}");
    }
    let (_, answer) = server.post(&format!("{session}/cmd"), json!({ "command": "missing" })).await;
    assert_eq!(answer["error"]["message"], "[invalid_argument] executable file not found in $PATH: missing");
    let (status, answer) = server.get(&format!("{session}/cmd/cmd_0")).await;
    assert_eq!((status, code(&answer)), (404, "not_found"));
}

#[tokio::test]
async fn a_command_whose_time_is_over_is_killed() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = json!({ "command": "sleep", "wait": true, "logs": true, "timeout": 100 });
    let response = server.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
    assert_eq!(rest(response).await.last().unwrap()["command"]["exitCode"], 137);
}

#[tokio::test]
async fn a_signal_that_is_none_is_refused_and_one_for_an_ended_command_does_nothing() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let command = server.detached(&session, "exit", &["4"]).await;
    server.get(&format!("{command}?wait=true")).await;
    let (status, answer) = server.post(&format!("{command}/kill"), json!({ "signal": 9 })).await;
    assert_eq!((status, &answer["command"]["exitCode"]), (200, &json!(4)));
    let (status, _) = server.post(&format!("{command}/kill"), json!({ "signal": 0 })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn output_beyond_the_limit_is_dropped_and_counted() {
    let server = TestServer::with(|options| options.max_log_bytes = 2500).await;
    let session = server.session("demo", false).await;
    let lines = server.run(&session, "flood", &["5"]).await;
    assert_eq!(printed(&lines, "stdout").len(), 2000);
    assert!(printed(&lines, "stderr").contains("3000 bytes of output were dropped"));
}

#[tokio::test]
async fn no_more_commands_run_than_may() {
    let server = TestServer::with(|options| options.sizes.max_commands = 1).await;
    let session = server.session("demo", false).await;
    server.detached(&session, "sleep", &[]).await;
    let (status, answer) = server.post(&format!("{session}/cmd"), json!({ "command": "echo" })).await;
    assert_eq!((status, code(&answer)), (429, "too_many_commands"));
}

#[tokio::test]
async fn a_lost_command_ends_its_stream_with_an_error() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let lines = server.run(&session, "lost", &[]).await;
    assert_eq!(lines[1]["stream"], "error");
    assert_eq!(lines[1]["data"]["code"], "sandbox_stream_closed");
}

#[tokio::test]
async fn ended_commands_with_long_arguments_are_forgotten_before_they_fill_the_memory() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let long = "x".repeat(100 << 10);
    let first = server.detached(&session, "echo", &[&long]).await;
    server.get(&format!("{first}?wait=true")).await;
    for _ in 0..50 {
        server.run(&session, "exit", &["0", &long]).await;
    }
    while server.get(&first).await.0 != 404 {}
    let (_, list) = server.get(&format!("{session}/cmd")).await;
    assert!((30..=40).contains(&list["commands"].as_array().unwrap().len()));
    let logs = server.directory.path().join("sandboxes/logs").join(session.rsplit('/').next().unwrap());
    while std::fs::read_dir(&logs).unwrap().count() > 0 {}
}

#[tokio::test]
async fn output_beyond_what_all_sessions_may_store_is_dropped_until_one_ends() {
    let server = TestServer::with(|options| options.max_total_log_bytes = 2500).await;
    let first = server.session("first", false).await;
    assert_eq!(printed(&server.run(&first, "flood", &["2"]).await, "stdout").len(), 2000);
    let second = server.session("second", false).await;
    let lines = server.run(&second, "flood", &["1"]).await;
    assert!(printed(&lines, "stderr").contains("1000 bytes of output were dropped"));
    server.post(&format!("{first}/stop"), json!({})).await;
    while printed(&server.run(&second, "flood", &["1"]).await, "stdout").len() != 1000 {}
}
