//! Deploy.

use workers_domain::ports::{SandboxErrorKind, WorkerRepository as _};
use workers_domain::{FunctionName, WorkerStatus};
use workers_service::{DeployError, ServiceOptions};

use crate::support::{BUNDLE, TestPlatform};

#[tokio::test]
async fn a_deployed_worker_is_ready_with_its_functions_and_a_snapshot() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    assert_eq!(worker.status(), WorkerStatus::Ready);
    assert_eq!(worker.functions.iter().map(FunctionName::as_str).collect::<Vec<_>>(), ["greet", "fail"]);
    assert_eq!(test.sandboxes.snapshot_count(), 1);
    assert_eq!(test.repository.find_by_id(worker.id).await.unwrap(), Some(worker));
}

#[tokio::test]
async fn the_source_is_kept_as_it_was_deployed() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    assert_eq!(test.platform.workers().source(worker.id).await.unwrap(), BUNDLE);
}

#[tokio::test]
async fn a_deploy_leaves_no_sandbox_running() {
    let test = TestPlatform::new(|_| Vec::new());
    test.deploy().await;
    test.sandboxes.wait_for_live_sandboxes(0).await;
}

#[tokio::test]
async fn a_bundle_that_does_not_parse_leaves_nothing_behind() {
    let test = TestPlatform::new(|_| Vec::new());
    let refused = test.platform.workers().deploy("w".into(), "export function (".into()).await;
    assert!(matches!(refused, Err(DeployError::Rejected(diagnostics)) if diagnostics[0].line == 1));
    assert_eq!(test.sandboxes.sandboxes_made(), 0);
    assert!(test.platform.workers().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_blank_name_blank_code_and_too_much_code_are_told_apart() {
    let options = ServiceOptions { max_code_bytes: 100, ..ServiceOptions::default() };
    let test = TestPlatform::with_options(options, |_| Vec::new());
    let deploy = |name: &str, code: &str| test.platform.workers().deploy(name.to_owned(), code.to_owned());
    assert!(matches!(deploy(" ", BUNDLE).await, Err(DeployError::InvalidName(_))));
    assert!(matches!(deploy("w", "\n").await, Err(DeployError::EmptyCode)));
    assert!(matches!(deploy("w", &" ;".repeat(51)).await, Err(DeployError::CodeTooLarge { bytes: 102, limit: 100 })));
}

#[tokio::test]
async fn a_worker_whose_snapshot_cannot_be_made_is_kept_in_state_error() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let failed = test.platform.workers().deploy("w".into(), BUNDLE.into()).await;
    let Err(DeployError::Sandbox { worker_id, .. }) = failed else { panic!("{failed:?}") };
    let worker = test.platform.workers().get(worker_id).await.unwrap();
    assert_eq!(worker.status(), WorkerStatus::Error);
    assert!(worker.error_message().is_some());
}
