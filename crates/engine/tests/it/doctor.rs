//! What the doctor says.

use workers_engine::{Confinement, FindingStatus, diagnose};

use crate::support::options;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_on_which_the_engine_starts_has_nothing_missing() {
    let directory = tempfile::tempdir().unwrap();
    let findings = diagnose(&options(directory.path(), Confinement::Full)).await;
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
    let mut options = options(directory.path(), Confinement::Full);
    options.node = "/no/such/node".into();
    let findings = diagnose(&options).await;
    let missing = findings.iter().find(|finding| finding.status == FindingStatus::Missing).unwrap();
    assert!(missing.detail.contains("/no/such/node") && missing.remedy.is_some(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_node_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), Confinement::Full);
    options.node = "/bin/true".into();
    let error = workers_engine::Engine::start(options).await.unwrap_err();
    assert!(error.to_string().contains("version ``"), "{error}");
}
