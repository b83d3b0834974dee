//! The database becomes unreachable and reachable again.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use workers_domain::ports::ExistingWorkers;
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::support::{connect, connect_with, impatient, of, unavailable, worker};

#[tokio::test]
async fn the_pool_recovers_when_the_server_has_restarted() {
    let mut server = ThrowAwayPostgres::start();
    let url = server.create_database().await;
    // Several connections, so that each of them has to be replaced.
    let store = connect_with(&url, &of(4)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let worker = worker();
    store.workers().insert(&worker, "source").await.unwrap();
    for result in futures_util::future::join_all((0..8).map(|_| store.workers().list())).await {
        assert_eq!(result.unwrap().len(), 1);
    }

    server.stop();
    for _ in 0..8 {
        unavailable(store.workers().list().await);
    }
    server.restart();
    for result in futures_util::future::join_all((0..8).map(|_| store.workers().list())).await {
        assert_eq!(result.unwrap(), std::slice::from_ref(&worker));
    }
}

#[tokio::test]
async fn a_pool_is_made_before_its_server_is_up() {
    let mut server = ThrowAwayPostgres::start();
    let url = server.create_database().await;
    server.stop();
    let database = connect(&url).await;
    unavailable(database.store().schema().apply_migrations().await);
    unavailable(database.store().schema().check().await);
    server.restart();
    assert!(!database.store().schema().apply_migrations().await.unwrap().is_empty());
    database.store().schema().check().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_replaced() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect_with(&url, &of(1)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.execute(&url, end).await;
    // The first query may use the connection before its end is noticed.
    if let Err(error) = store.workers().list().await {
        unavailable::<()>(Err(error));
    }
    assert_eq!(store.workers().list().await.unwrap(), []);
}

#[tokio::test]
async fn more_callers_than_connections_take_turns() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let store = connect_with(&url, &of(2)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    for result in futures_util::future::join_all((0..100).map(|_| store.workers().list())).await {
        assert_eq!(result.unwrap(), []);
    }
}

#[tokio::test]
async fn a_caller_that_waited_too_long_for_a_connection_gets_an_error() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    connect(&url).await.store().schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let store = connect_with(&url, &impatient()).await.store();
    // Opening a connection may take longer than this caller waits.
    while store.schema().check().await.is_err() {}
    let mut other = AsyncPgConnection::establish(&url).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE workers").await.unwrap();

    // The first query has the only connection until the table is free, and the second one waits for it.
    let patient = store.workers().list();
    let impatient = async {
        let said = unavailable(store.workers().find_source(&scope_of_all(), worker().id).await);
        assert!(said.contains("no connection became free"), "{said}");
        // A list waits for the list before it, not for a connection.
        let said = unavailable(store.workers().list().await);
        assert!(said.contains("other lists were read"), "{said}");
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (listed, ()) = tokio::join!(patient, impatient);
    assert_eq!(listed.unwrap(), []);
}
