//! Postgres when it is temporarily read-only, locked, unreachable or forbidden.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::join_all;
use workers_domain::ports::{ExistingWorkers, RepositoryError, Store};
use workers_storage::{ConnectionLimits, StorageOptions};
use workers_testing::{AllWorkers as _, ThrowAwayPostgres, scope_of_all};

use crate::support::{chain, connect, connect_with, of, of_with, unavailable, worker};

/// The required time for a full recovery.
const SOON: Duration = Duration::from_secs(5);

async fn prepared(server: &ThrowAwayPostgres, options: &StorageOptions) -> (String, Arc<dyn Store>) {
    let url = server.create_database().await;
    let store = connect_with(&url, options).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    (url, store)
}

/// Inserts as many workers at the same time as there are connections, so that each connection is used.
async fn insert_several(store: &dyn Store) -> Vec<Result<(), RepositoryError>> {
    let workers: Vec<_> = (0..4).map(|_| worker()).collect();
    join_all(workers.iter().map(|worker| store.workers().insert(worker, ""))).await
}

/// Writes until several writes in a row succeed together.
async fn await_whole(store: &dyn Store) {
    let began = Instant::now();
    while insert_several(store).await.iter().any(Result::is_err) {
        assert!(began.elapsed() < SOON, "not whole after {SOON:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It must stay recovered.
    for result in insert_several(store).await {
        result.unwrap();
    }
    store.schema().check().await.unwrap();
}

fn database_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn a_database_that_is_read_only_for_a_while_is_reported_as_that_and_its_sessions_are_not_kept() {
    let server = ThrowAwayPostgres::shared();
    let (url, store) = prepared(server, &of(4)).await;
    let administration = server.url("postgres");
    let end_sessions = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
        database_of(&url)
    );
    let alter = |how: &str| format!("ALTER DATABASE {} {how}", database_of(&url));
    server.execute(&administration, &alter("SET default_transaction_read_only = on")).await;
    // Sessions read this setting when they begin.
    server.execute(&administration, &end_sessions).await;
    for result in join_all((0..8).map(|_| store.workers().list())).await {
        drop(result);
    }
    for result in insert_several(&*store).await {
        let error = result.unwrap_err();
        assert!(matches!(error, RepositoryError::ReadOnly { .. }), "{}", chain(&error));
    }
    let error = store.schema().check().await.unwrap_err();
    assert!(matches!(error, RepositoryError::ReadOnly { .. }), "{}", chain(&error));
    assert_eq!(store.workers().list().await.unwrap(), []);
    server.execute(&administration, &alter("RESET default_transaction_read_only")).await;
    await_whole(&*store).await;
}

#[tokio::test]
async fn a_server_that_turns_read_only_and_back_under_open_sessions_is_followed() {
    let server = ThrowAwayPostgres::start();
    let (_, store) = prepared(&server, &of(4)).await;
    await_whole(&*store).await;
    let administration = server.url("postgres");
    for how in ["SET default_transaction_read_only = on", "RESET default_transaction_read_only"] {
        server.execute(&administration, &format!("ALTER SYSTEM {how}")).await;
        server.execute(&administration, "SELECT pg_reload_conf()").await;
        if how.starts_with("RESET") {
            break;
        }
        let began = Instant::now();
        while !matches!(store.schema().check().await, Err(RepositoryError::ReadOnly { .. })) {
            assert!(began.elapsed() < SOON, "the check does not notice");
        }
        let error = store.workers().insert(&worker(), "").await.unwrap_err();
        assert!(matches!(error, RepositoryError::ReadOnly { .. }), "{}", chain(&error));
    }
    await_whole(&*store).await;
}

#[tokio::test]
async fn a_locked_table_ends_each_statement_in_time_and_leaves_none_behind() {
    let server = ThrowAwayPostgres::shared();
    let limit = Duration::from_millis(500);
    let (url, store) = prepared(server, &of_with(4, |options| options.statement_timeout = limit)).await;
    let mut other = AsyncPgConnection::establish(&url).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE workers").await.unwrap();
    let began = Instant::now();
    for result in insert_several(&*store).await {
        assert!(unavailable(result).contains("locked"));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(unavailable(store.schema().check().await).contains("locked"));
    // The statements were cancelled, and no longer wait for the lock.
    let none_waits = "DO $$ BEGIN \
        FOR i IN 1..100 LOOP \
            PERFORM pg_stat_clear_snapshot(); \
            IF NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())) THEN RETURN; END IF; \
            PERFORM pg_sleep(0.05); \
        END LOOP; \
        RAISE 'a statement still waits'; \
    END $$";
    server.execute(&url, none_waits).await;
    other.batch_execute("COMMIT").await.unwrap();
    await_whole(&*store).await;
}

#[tokio::test]
async fn a_table_that_is_renamed_and_rights_that_are_revoked_are_reported_and_nothing_is_made_instead() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let database = connect(&url).await;
    database.store().schema().apply_migrations().await.unwrap();
    let store = database.store();
    server.execute(&url, "ALTER TABLE workers RENAME TO elsewhere").await;
    let error = store.schema().check().await.unwrap_err();
    assert!(matches!(error, RepositoryError::SchemaIncomplete(_)), "{}", chain(&error));
    assert!(chain(&error).contains("`workers`"), "{}", chain(&error));
    assert!(matches!(store.workers().list().await, Err(RepositoryError::SchemaMissing)));
    assert_eq!(database.store().schema().apply_migrations().await.unwrap(), Vec::<String>::new());
    server.execute(&url, "ALTER TABLE elsewhere RENAME TO workers").await;
    await_whole(&*store).await;
    server.execute(&url, "ALTER TABLE workers RENAME COLUMN source_code TO gone").await;
    assert!(matches!(store.schema().check().await, Err(RepositoryError::SchemaIncomplete(_))));
}

#[tokio::test]
async fn rights_that_are_revoked_are_reported_as_denied_and_all_is_well_when_they_are_granted() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    connect(&url).await.store().schema().apply_migrations().await.unwrap();
    let user = format!("user_{}", database_of(&url));
    server
        .execute(&url, &format!("CREATE ROLE {user} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}"))
        .await;
    let own = url.replace("postgres@", &format!("{user}@"));
    let store = connect_with(&own, &of(4)).await.store();
    await_whole(&*store).await;
    for right in ["INSERT", "DELETE", "SELECT"] {
        server.execute(&url, &format!("REVOKE {right} ON workers FROM {user}")).await;
        let error = store.schema().check().await.unwrap_err();
        assert!(matches!(error, RepositoryError::Denied { .. }), "{right}: {}", chain(&error));
        let refused = match right {
            "INSERT" => store.workers().insert(&worker(), "").await.map(drop),
            "DELETE" => store.workers().delete(&scope_of_all(), worker().id).await.map(drop),
            _ => store.workers().list().await.map(drop),
        };
        assert!(matches!(refused, Err(RepositoryError::Denied { .. })), "{right}");
        server.execute(&url, &format!("GRANT {right} ON workers TO {user}")).await;
        await_whole(&*store).await;
    }
    server.execute(&url, &format!("DROP OWNED BY {user}; DROP ROLE {user}")).await;
}

#[tokio::test]
async fn a_pool_larger_than_the_server_allows_waits_for_the_connections_it_has() {
    let server = ThrowAwayPostgres::start_with(&[("max_connections", "6")], &[]);
    let url = server.create_database().await;
    // Connect as an ordinary user, to whom three of the connections are not available.
    server.execute(&url, "CREATE ROLE ordinary LOGIN; GRANT ALL ON SCHEMA public TO ordinary").await;
    let own = url.replace("postgres@", "ordinary@");
    let database = connect_with(&own, &of(10)).await;
    let store = database.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    assert_eq!(database.connection_limits().await.unwrap(), Some(ConnectionLimits { pool: 10, allowed: 3 }));
    let began = Instant::now();
    for result in join_all((0..300).map(|_| store.workers().list())).await {
        result.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_pool_whose_server_has_no_connection_left_gets_one_as_soon_as_there_is_one() {
    let server = ThrowAwayPostgres::start_with(&[("max_connections", "6")], &[]);
    let url = server.create_database().await;
    server.execute(&url, "CREATE ROLE ordinary LOGIN; GRANT ALL ON SCHEMA public TO ordinary").await;
    let own = url.replace("postgres@", "ordinary@");
    let mut others = Vec::new();
    // The connections that created the role may occupy a slot a moment longer.
    while others.len() < 3 {
        others.extend(AsyncPgConnection::establish(&own).await);
    }
    let store = connect_with(&own, &of(2)).await.store();
    let impatient = of_with(2, |options| options.acquire_timeout = Duration::from_millis(500));
    let said = unavailable(connect_with(&own, &impatient).await.store().workers().list().await);
    assert!(said.contains("no connection became free") && said.contains("connection slots"), "{said}");
    let (listed, ()) = tokio::join!(store.workers().list(), async { drop(others) });
    assert!(matches!(listed, Err(RepositoryError::SchemaMissing)), "{listed:?}");
}

#[tokio::test]
async fn connections_that_are_ended_in_a_loop_fail_no_query_that_had_done_nothing() {
    let server = ThrowAwayPostgres::shared();
    let (url, store) = prepared(server, &of(4)).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..20 {
        server.execute(&url, end).await;
        for result in insert_several(&*store).await {
            if let Err(error) = result {
                unavailable::<()>(Err(error));
            }
        }
    }
    await_whole(&*store).await;
}

#[tokio::test]
async fn a_server_that_is_restarted_during_writes_is_whole_soon() {
    let mut server = ThrowAwayPostgres::start();
    let (_, store) = prepared(&server, &of(4)).await;
    for _ in 0..3 {
        let writer = Arc::clone(&store);
        let writing = tokio::spawn(async move {
            let mut failed = 0;
            while failed < 3 {
                failed += usize::from(insert_several(&*writer).await.iter().any(Result::is_err));
            }
        });
        server.restart();
        // The task fails only while the server is down; it may not have noticed.
        writing.abort();
        await_whole(&*store).await;
    }
}
