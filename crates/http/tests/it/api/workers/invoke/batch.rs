//! The batch response at the end of an invocation.

use serde_json::{Value, json};
use workers_domain::LogStream;
use workers_domain::ports::{ExitStatus, KillReason, SandboxErrorKind};
use workers_testing::Step;

use crate::support::{TestApp, status_and_json};

async fn invoke(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> (u16, Value) {
    let app = TestApp::playing(steps);
    app.post_json(&app.deployed("functions", "greet").await, "{}").await
}

/// Returns the status and code for a function that ends like this.
async fn ending(status: ExitStatus, killed: Option<KillReason>) -> (u16, String) {
    let (status, body) = invoke(move || vec![Step::Frame("S".into()), Step::Exit(status, killed)]).await;
    assert_eq!(body["success"], false);
    (status, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_function_that_returns_is_answered_with_its_result_and_its_log() {
    let (status, mut body) = invoke(|| {
        vec![
            Step::Log(LogStream::Stdout, "out\n"),
            Step::Log(LogStream::Stderr, "err\n"),
            Step::Return(r#"{"b":1.0,"a":[null]}"#.into()),
        ]
    })
    .await;
    assert_eq!(status, 200);
    for phase in ["queue", "sandbox"] {
        assert!(body["timings"][phase].is_number());
        body["timings"][phase] = json!("[ms]");
    }
    assert_eq!(body["invocationId"].as_str().unwrap().len(), 36);
    body["invocationId"] = json!("[id]");
    insta::assert_json_snapshot!(body, @r#"
    {
      "duration": 2,
      "function": "greet",
      "invocationId": "[id]",
      "isolation": "sandbox",
      "logs": [
        {
          "level": "info",
          "message": "out",
          "timestamp": 1763890000000
        },
        {
          "level": "error",
          "message": "err",
          "timestamp": 1763890000000
        }
      ],
      "result": {
        "a": [
          null
        ],
        "b": 1.0
      },
      "reused": false,
      "success": true,
      "timings": {
        "load": 1.5,
        "queue": "[ms]",
        "run": 2.25,
        "sandbox": "[ms]"
      }
    }
    "#);
}

#[tokio::test]
async fn a_result_is_passed_through_unchanged() {
    let text = r#"{"b":1.0,"a":123456789012345678901234567890,"b":"\u00e4"}"#;
    let app = TestApp::playing(move || vec![Step::Return(text.into())]);
    let response = app.post(&app.deployed("functions", "greet").await, "").await;
    let body = response.text().await.unwrap();
    assert!(body.contains(&format!("\"result\":{text}")), "{body}");
}

#[tokio::test]
async fn headers_name_the_invocation_and_its_timings() {
    let app = TestApp::start();
    let response = app.post(&app.deployed("functions", "greet").await, "{}").await;
    let id = response.headers()["x-invocation-id"].to_str().unwrap().to_owned();
    let timing = response.headers()["server-timing"].to_str().unwrap().to_owned();
    assert!(timing.starts_with("queue;dur=") && timing.ends_with(", load;dur=1.5, run;dur=2.25"), "{timing}");
    assert_eq!(status_and_json(response).await.1["invocationId"], id);
}

#[tokio::test]
async fn a_function_that_throws_is_a_500_with_its_message_and_log() {
    let (status, body) = invoke(|| vec![Step::Log(LogStream::Stdout, "before\n"), Step::Throw("no luck")]).await;
    assert_eq!((status, &body["success"], &body["error"]), (500, &json!(false), &json!("no luck")));
    assert_eq!((&body["function"], &body["code"], &body["name"]), (&json!("greet"), &json!("thrown"), &json!("Error")));
    assert_eq!(body["logs"][0]["message"], "before");
    assert!(body["duration"].is_u64() && body["invocationId"].is_string() && body["timings"]["run"].is_number());
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_is_a_504() {
    assert_eq!(ending(ExitStatus::Signal(9), Some(KillReason::Timeout)).await, (504, "timeout".into()));
}

#[tokio::test]
async fn a_function_that_runs_out_of_memory_is_a_500() {
    assert_eq!(ending(ExitStatus::Signal(9), Some(KillReason::OutOfMemory)).await, (500, "out_of_memory".into()));
}

#[tokio::test]
async fn a_process_that_dies_is_a_500() {
    assert_eq!(ending(ExitStatus::Signal(11), None).await, (500, "crashed".into()));
}

#[tokio::test]
async fn a_process_that_dies_before_it_has_run_any_code_of_the_user_is_a_502() {
    let (status, body) = invoke(|| vec![Step::Exit(ExitStatus::Signal(11), None)]).await;
    assert_eq!((status, &body["code"]), (502, &json!("sandbox_failed")));
}

#[tokio::test]
async fn a_sandbox_that_is_lost_is_a_502() {
    let (status, body) = invoke(|| vec![Step::Log(LogStream::Stdout, "before\n"), Step::Lose]).await;
    assert_eq!((status, &body["code"], &body["success"]), (502, &json!("sandbox_failed"), &json!(false)));
}

#[tokio::test]
async fn a_provider_that_makes_no_sandboxes_is_a_502() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    app.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let (status, body) = app.post_json(&path, "{}").await;
    assert_eq!((status, &body["code"]), (502, &json!("sandbox_failed")));
}

#[tokio::test]
async fn the_payload_is_the_body_whatever_its_content_type() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    for payload in [r#"{"name":"Ada"}"#, "[1,2]", "1", "\"text\"", "null", "true"] {
        let request = app.request(reqwest::Method::POST, &path).header("content-type", "text/plain").body(payload);
        let (status, body) = status_and_json(request.send().await.unwrap()).await;
        assert_eq!((status, body["result"].to_string().as_str()), (200, payload));
    }
}

#[tokio::test]
async fn a_payload_that_is_missing_or_not_json_counts_as_an_empty_object() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    for payload in [&b""[..], b"{", b"undefined", b"\xff\xfe", b"\0"] {
        let (status, body) = app.post_json(&path, payload).await;
        assert_eq!((status, &body["result"]), (200, &json!({})), "{payload:?}");
    }
}

#[tokio::test]
async fn a_payload_of_exactly_the_limit_is_accepted() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    let payload = format!("\"{}\"", "a".repeat(6 * 1024 * 1024 - 2));
    let (status, body) = app.post_json(&path, payload).await;
    assert!(status == 200 || body["code"] == "result_too_large", "{status}");
}

#[tokio::test]
async fn a_payload_with_a_hundred_thousand_nested_brackets_does_no_harm() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    let response = app.post(&path, "[".repeat(100_000) + &"]".repeat(100_000)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(app.post(&path, "{}").await.status(), 200);
}
