//! Deploy.

use std::time::Duration;

use workers_domain::ports::{RepositoryError, SandboxErrorKind, Store as _};
use workers_domain::{FunctionName, Worker, WorkerStatus};
use workers_service::DeployError;
use workers_testing::{AllWorkers as _, operator, scope_of_all};

use crate::support::{BUNDLE, TestPlatform};

#[tokio::test]
async fn the_provider_gets_what_scripts_need_ahead_without_the_application_s_doing() {
    let test = TestPlatform::new(|_| Vec::new());
    let [preload] = &test.sandboxes.preloads()[..] else { panic!("it is said once") };
    assert!(preload.module.contains("exports.warm") && preload.module.contains("exports.prepare"), "{preload:?}");
}

#[tokio::test]
async fn a_deployed_worker_is_ready_with_its_functions_and_a_snapshot() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    assert_eq!(worker.status(), WorkerStatus::Ready);
    assert_eq!(worker.functions.iter().map(FunctionName::as_str).collect::<Vec<_>>(), ["greet", "fail"]);
    assert_eq!(test.sandboxes.snapshot_count(), 1);
    assert_eq!(test.store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap(), Some(worker));
}

#[tokio::test]
async fn a_deploy_lets_the_provider_prepare_for_an_invocation() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    assert_eq!(test.sandboxes.expected(), [worker.snapshot_id().unwrap().clone()]);
}

#[tokio::test]
async fn the_source_is_kept_as_it_was_deployed() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    assert_eq!(test.platform.workers().source(operator(), worker.id).await.unwrap(), BUNDLE.into());
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
    let refused = test.platform.workers().deploy(operator(), "w".into(), "export function (".into()).await;
    assert!(matches!(refused, Err(DeployError::Rejected(rejection)) if rejection.diagnostics()[0].line == 1));
    assert_eq!(test.sandboxes.sandboxes_made(), 0);
    assert!(test.list().await.is_empty());
}

#[tokio::test]
async fn a_blank_name_blank_code_and_too_much_code_are_distinguished() {
    let test = TestPlatform::with_options(|options| options.max_code_bytes = 100, |_| Vec::new());
    let deploy = |name: &str, code: &str| test.platform.workers().deploy(operator(), name.to_owned(), code.into());
    assert!(matches!(deploy(" ", BUNDLE).await, Err(DeployError::InvalidName(_))));
    assert!(matches!(deploy("w", "\n").await, Err(DeployError::EmptyCode)));
    assert!(matches!(deploy("w", &" ;".repeat(51)).await, Err(DeployError::CodeTooLarge { bytes: 102, limit: 100 })));
}

#[tokio::test]
async fn a_worker_whose_snapshot_cannot_be_made_is_kept_in_state_error() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    let Err(DeployError::Sandbox { worker_id, .. }) = failed else { panic!("{failed:?}") };
    let worker = test.platform.workers().get(operator(), worker_id).await.unwrap();
    assert_eq!(worker.status(), WorkerStatus::Error);
    assert!(worker.error_message().is_some());
}

/// Waits until the background task has stored its results.
async fn await_stored(test: &TestPlatform, wanted: impl Fn(&[Worker]) -> bool) {
    let settled = async {
        while !wanted(&test.store.workers().list().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), settled).await.expect("it should be settled within five seconds");
}

#[tokio::test]
async fn a_deploy_whose_end_could_not_be_stored_is_gone_as_soon_as_the_database_answers() {
    let test = TestPlatform::new(|_| Vec::new());
    test.store.fail_after(1, "the cable is out");
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(failed, Err(DeployError::Repository(RepositoryError::Unavailable(_)))), "{failed:?}");
    test.store.recover();
    await_stored(&test, <[Worker]>::is_empty).await;
    assert_eq!(test.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn a_deploy_whose_answers_were_lost_leaves_nothing_whatever_was_stored() {
    let test = TestPlatform::new(|_| Vec::new());
    test.store.lose_answers("the connection was cut");
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(failed, Err(DeployError::Repository(_))), "{failed:?}");
    test.store.recover();
    await_stored(&test, <[Worker]>::is_empty).await;
    assert_eq!(test.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn a_deploy_that_failed_while_the_database_was_away_is_in_state_error_as_soon_as_that_answers() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    test.store.fail_after(1, "the cable is out");
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(failed, Err(DeployError::Sandbox { .. })), "{failed:?}");
    test.store.recover();
    await_stored(&test, |workers| workers.len() == 1 && workers[0].status() == WorkerStatus::Error).await;
}

#[tokio::test]
async fn a_deploy_over_a_database_that_takes_no_writes_leaves_nothing() {
    let test = TestPlatform::new(|_| Vec::new());
    test.store.refuse_writes();
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(failed, Err(DeployError::Repository(RepositoryError::ReadOnly { .. }))), "{failed:?}");
    assert_eq!(test.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn a_deploy_for_which_there_is_no_room_leaves_no_worker() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.fail_with(Some(SandboxErrorKind::StorageFull));
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    assert!(matches!(failed, Err(DeployError::Sandbox { .. })), "{failed:?}");
    assert_eq!(test.store.workers().list().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_deploy_ends_in_time_however_long_its_sandbox_takes() {
    let test = TestPlatform::new(|_| Vec::new());
    test.sandboxes.hang();
    let failed = test.platform.workers().deploy(operator(), "w".into(), BUNDLE.into()).await;
    let Err(DeployError::Sandbox { worker_id, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(test.platform.workers().get(operator(), worker_id).await.unwrap().status(), WorkerStatus::Error);
}
