//! Postgres: the suite, and what only a server can do wrong.

use workers_domain::ports::RepositoryError;
use workers_testing::ThrowAwayPostgres;

use crate::support::{Fixture, chain, connect, unavailable, worker};

async fn repository() -> Fixture {
    let url = ThrowAwayPostgres::shared().create_database().await;
    Fixture { repository: connect(&url).await.worker_repository(), directory: None }
}

workers_testing::repository_conformance!(conformance, repository);

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let repository = connect(&url).await.worker_repository();
    repository.set_up().await.unwrap();
    let worker = worker();
    repository.insert(&worker, "").await.unwrap();
    server.execute(&url, "UPDATE workers SET status = 'ready'").await;
    let error = repository.list().await.unwrap_err();
    assert!(matches!(error, RepositoryError::Inconsistent { column: "snapshot_id", id, .. } if id == worker.id));
}

#[tokio::test]
async fn what_the_server_refuses_is_said_without_quoting_rows() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let repository = connect(&url).await.worker_repository();
    repository.set_up().await.unwrap();
    server.execute(&url, "ALTER TABLE workers ADD CONSTRAINT none CHECK (source_code = '')").await;
    let error = repository.insert(&worker(), "a secret of the customer").await.unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert!(text.contains("23514") && text.contains("insert of a worker"), "{text}");
    assert!(!text.contains("secret of the customer"), "{text}");
}

#[tokio::test]
async fn an_unknown_database_and_an_unreachable_server_are_said_without_secrets() {
    let server = ThrowAwayPostgres::start();
    let port = server.port().unwrap();
    let url = format!("postgres://postgres:hunter2@127.0.0.1:{port}/missing");
    let error = connect(&url).await.worker_repository().list().await;
    let text = unavailable(error);
    assert!(text.contains("database \"missing\" does not exist"), "{text}");
    drop(server);
    let result = connect(&url).await.worker_repository().list().await;
    let debug = format!("{result:?}");
    let text = unavailable(result);
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!text.contains("hunter2") && !debug.contains("hunter2"), "{text} {debug}");
}
