//! What a use case logs: the request it belongs to, and one line per failure.

use serde_json::Value;
use workers_domain::TenantId;
use workers_domain::access::{CallContext, Principal, RequestId};
use workers_domain::ports::SandboxErrorKind;
use workers_service::{DeployError, RedeployError};
use workers_testing::{CapturedLog, Step, operator};

use crate::support::{BUNDLE, TestPlatform, failed, follow, returned};

/// Returns a call of a client that has chosen this request id.
fn call(id: &str) -> CallContext {
    CallContext::new(Principal::AdminToken, TenantId::DEFAULT, RequestId::parse(id).unwrap())
}

/// Returns the values of a field in the spans of a log line.
fn in_spans(line: &str, field: &str) -> Vec<String> {
    let line: Value = serde_json::from_str(line).unwrap();
    let spans = line["spans"].as_array().cloned().unwrap_or_default();
    spans.iter().filter_map(|span| span[field].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_failing_invocation_is_one_line_with_its_ids_its_cause_and_what_to_do() {
    let test = TestPlatform::new(|_| vec![Step::Frame("S".to_owned()), Step::Lose]);
    let worker = test.deploy().await;
    let log = CapturedLog::start();
    let invocation = test.platform.invocations().invoke(&call("client-1"), worker.id, "greet", b"{}").await.unwrap();
    let (id, worker_id) = (invocation.id().to_string(), worker.id.to_string());
    assert_eq!(failed(&follow(invocation).await.1), "sandbox_failed");
    let lines = log.failures();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let fields = &serde_json::from_str::<Value>(&lines[0]).unwrap()["fields"];
    assert_eq!((&fields["invocation.id"], &fields["worker.id"]), (&id.as_str().into(), &worker_id.as_str().into()));
    for field in ["sandbox.id", "error", "advice"] {
        assert!(fields[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {fields}");
    }
    for (field, value) in [("request.id", "client-1"), ("invocation.id", &id), ("worker.id", &worker_id)] {
        assert_eq!(in_spans(&lines[0], field), [value], "{lines:#?}");
    }
}

#[tokio::test]
async fn what_an_invocation_does_in_the_background_is_logged_in_its_request() {
    let test = TestPlatform::new(|call| vec![Step::Frame("S".into()), Step::Return(call.payload.clone())]);
    let worker = test.deploy().await;
    test.sandboxes.lose_snapshots();
    let log = CapturedLog::start();
    let invocation = test.platform.invocations().invoke(&call("client-2"), worker.id, "greet", b"7").await.unwrap();
    let id = invocation.id().to_string();
    assert_eq!(returned(&follow(invocation).await.1), "7");
    let lines = log.lines();
    let reported = lines.iter().find(|line| line.contains("the snapshot of a worker is not here")).unwrap();
    assert_eq!(
        (in_spans(reported, "request.id"), in_spans(reported, "invocation.id")),
        (vec!["client-2".into()], vec![id])
    );
}

#[tokio::test]
async fn what_a_deploy_and_a_redeploy_do_in_the_background_is_logged_in_their_requests() {
    let test = TestPlatform::new(|_| Vec::new());
    let log = CapturedLog::start();
    let tell = || tracing::info!("a snapshot was made");
    test.sandboxes.when_next_snapshot_is_made(tell);
    let worker = test.platform.workers().deploy(&call("client-3"), "w".to_owned(), BUNDLE.into()).await.unwrap();
    test.sandboxes.when_next_snapshot_is_made(tell);
    test.platform.workers().redeploy(&call("client-4"), worker.id).await.unwrap();
    let lines = log.lines();
    let reported: Vec<_> = lines.iter().filter(|line| line.contains("a snapshot was made")).collect();
    assert_eq!(reported.len(), 2, "{lines:#?}");
    for (line, request) in reported.into_iter().zip(["client-3", "client-4"]) {
        assert_eq!(in_spans(line, "request.id"), [request], "{line}");
        assert_eq!(in_spans(line, "worker.id"), [worker.id.to_string()], "{line}");
    }
}

#[tokio::test]
async fn a_failing_deploy_is_its_callers_to_tell_and_has_no_line_here() {
    let test = TestPlatform::new(|_| Vec::new());
    let log = CapturedLog::start();
    test.sandboxes.fail_with(Some(SandboxErrorKind::Failed));
    let deployed = test.platform.workers().deploy(operator(), "w".to_owned(), BUNDLE.into()).await;
    assert!(matches!(deployed, Err(DeployError::Sandbox { .. })), "{deployed:?}");
    assert_eq!(log.failures(), [""; 0]);
}

#[tokio::test]
async fn a_panic_while_a_worker_is_stored_is_no_failure_of_the_transpiler() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    let panic = || panic!("the test asked for this");
    test.sandboxes.when_next_snapshot_is_made(panic);
    let deployed = test.platform.workers().deploy(operator(), "w".to_owned(), BUNDLE.into()).await;
    assert!(matches!(&deployed, Err(DeployError::BrokeOff(cause)) if cause.contains("panicked")), "{deployed:?}");
    test.sandboxes.when_next_snapshot_is_made(panic);
    let redeployed = test.platform.workers().redeploy(operator(), worker.id).await;
    let is_told = |error: &_| matches!(error, RedeployError::Deploy(DeployError::BrokeOff(_)));
    assert!(redeployed.as_ref().is_err_and(is_told), "{redeployed:?}");
}
