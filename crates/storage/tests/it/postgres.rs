//! Postgres: the conformance suite, and failures that only a server can have.

use workers_domain::ports::{ExistingWorkers, RepositoryError};
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::broken_rows::{BREAK_OLDEST, check_pages, check_passed, check_spoilt, due_workers, three};
use crate::support::{Fixture, chain, connect, unavailable, worker};

async fn store() -> Fixture {
    let url = ThrowAwayPostgres::shared().create_database().await;
    Fixture { store: connect(&url).await.store(), directory: None }
}

workers_testing::store_conformance!(conformance, store);

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect(&url).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let worker = worker();
    store.workers().insert(&worker, "").await.unwrap();
    server.execute(&url, "UPDATE workers SET status = 'ready'").await;
    let error = store.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Inconsistent { column: "snapshot_id", id, .. } if id == worker.id));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_no_other_and_can_be_deleted_whatever_column_it_is() {
    let server = ThrowAwayPostgres::shared();
    for (column, change) in [
        ("status", "status = 'weird'"),
        ("name", "name = ''"),
        ("snapshot_id", "status = 'ready'"),
        ("functions", "functions = '{NULL}'"),
        ("functions", "functions = '{{a,b},{c,d}}'"),
        ("functions", "functions = '{\"\"}'"),
        ("error_message", "status = 'error'"),
        ("created_at", "created_at = 'infinity'"),
        ("created_at", "created_at = '-infinity'"),
        ("created_at", "created_at = '294276-12-31'"),
        ("snapshot_expires_at", "snapshot_expires_at = 'infinity', snapshot_id = 's', status = 'ready'"),
        ("last_invoked_at", "last_invoked_at = 'infinity'"),
    ] {
        let url = server.create_database().await;
        let store = connect(&url).await.store();
        store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
        let [sound, broken, other] = three(&*store).await;
        server.execute(&url, &format!("UPDATE workers SET {change} WHERE id = '{}'", broken.id)).await;
        check_spoilt(&*store, column, &[sound, other], &broken).await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_its_position_in_the_pages() {
    let server = ThrowAwayPostgres::shared();
    for change in
        ["status = 'asleep'", "created_at = 'infinity'", "created_at = '-infinity'", "created_at = '0044-03-15 BC'"]
    {
        let url = server.create_database().await;
        let store = connect(&url).await.store();
        store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
        let [_, broken, _] = three(&*store).await;
        let change = format!("UPDATE workers SET {change}, name = '' WHERE id = '{}'", broken.id);
        server.execute(&url, &change).await;
        check_pages(&*store, &change).await;
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read_do_not_keep_the_sweeper_from_those_behind_them() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect(&url).await.store();
    let kept = due_workers(&*store).await;
    server.execute(&url, BREAK_OLDEST).await;
    check_passed(&*store, &kept).await;
}

#[tokio::test]
async fn what_the_server_refuses_is_said_without_quoting_rows() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect(&url).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    server.execute(&url, "ALTER TABLE workers ADD CONSTRAINT none CHECK (source_code = '')").await;
    let error = store.workers().insert(&worker(), "a secret of the customer").await.unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert!(text.contains("23514") && text.contains("insert of a worker"), "{text}");
    assert!(!text.contains("secret of the customer"), "{text}");
}

#[tokio::test]
async fn an_unknown_database_and_an_unreachable_server_are_said_without_secrets() {
    let server = ThrowAwayPostgres::start();
    let port = server.port().unwrap();
    let url = format!("postgres://postgres:hunter2@127.0.0.1:{port}/missing");
    let error = connect(&url).await.store().workers().list().await;
    let text = unavailable(error);
    assert!(text.contains("database \"missing\" does not exist"), "{text}");
    drop(server);
    let result = connect(&url).await.store().workers().list().await;
    let debug = format!("{result:?}");
    let text = unavailable(result);
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!text.contains("hunter2") && !debug.contains("hunter2"), "{text} {debug}");
}
