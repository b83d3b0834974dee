//! Tests the findings of `diagnose`.

use std::os::unix::fs::PermissionsExt as _;

use workers_engine::{FindingStatus, Isolation, diagnose};

use crate::support::{TestEngine, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_on_which_the_engine_starts_has_nothing_missing() {
    let directory = tempfile::tempdir().unwrap();
    let findings = diagnose(&options(directory.path(), Isolation::Full)).await;
    assert!(findings.iter().all(|finding| finding.status != FindingStatus::Missing), "{findings:#?}");
    for name in ["kernel", "user namespaces", "cgroups", "seccomp", "node", "sandbox"] {
        assert!(findings.iter().any(|finding| finding.name == name), "{name}: {findings:#?}");
    }
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_is_named_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), Isolation::Full);
    options.node = "/no/such/node".into();
    let findings = diagnose(&options).await;
    let missing = findings.iter().find(|finding| finding.status == FindingStatus::Missing).unwrap();
    assert!(missing.detail.contains("/no/such/node") && missing.remedy.is_some(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_node_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), Isolation::Full);
    options.node = "/bin/true".into();
    let error = workers_engine::Engine::start(options).await.unwrap_err();
    assert!(error.to_string().contains("version ``"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_closed_empty_or_cut_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let node = directory.path().join("a-node");
    for (mode, length) in [(0o644, 100_000), (0o755, 0), (0o755, 100_000)] {
        std::fs::copy(crate::support::node(), &node).unwrap();
        std::fs::File::options().write(true).open(&node).unwrap().set_len(length).unwrap();
        std::fs::set_permissions(&node, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut options = options(&directory.path().join("data"), Isolation::Full);
        options.node.clone_from(&node);
        let error = workers_engine::Engine::start(options).await.unwrap_err();
        assert!(error.to_string().contains(node.to_str().unwrap()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let findings = diagnose(&options(&directory.path().join("none"), Isolation::Full)).await;
    assert!(findings.iter().all(|finding| finding.status != FindingStatus::Missing), "{findings:#?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_engine_that_runs_has_lost_is_named_with_its_path() {
    let engine = TestEngine::isolated().await;
    let look = || async {
        let findings = diagnose(&options(engine.directory.path(), Isolation::Full)).await;
        findings.into_iter().find(|finding| finding.name == "data directory").unwrap()
    };
    assert_eq!(look().await.status, FindingStatus::Ok);
    let data_dir = engine.directory.path().join("sandboxes");
    // The engine makes the directory again only when it needs it.
    std::fs::remove_dir_all(&data_dir).unwrap();
    let found = look().await;
    assert_eq!(found.status, FindingStatus::Missing);
    assert!(found.detail.contains(data_dir.to_str().unwrap()), "{found:?}");
    engine.engine.shutdown().await;
}
