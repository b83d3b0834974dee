//! SQLite: the conformance suite, and failures that only a file can have.

use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};
use workers_domain::Worker;
use workers_domain::ports::{ExistingWorkers, PageRequest, RepositoryError};
use workers_storage::{ConnectError, Database, DatabaseUrl, StorageOptions};
use workers_testing::{AllWorkers as _, scope_of_all};

use crate::broken_rows::{BREAK_OLDEST, check_pages, check_passed, check_spoilt, due_workers, three};
use crate::support::{Fixture, at, chain, connect, connect_with, impatient, unavailable, worker};

async fn store() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let database = connect(&url_in(directory.path())).await;
    Fixture { store: database.store(), directory: Some(directory) }
}

pub(crate) fn url_in(directory: &Path) -> String {
    format!("sqlite://{}", directory.join("workers.sqlite3").display())
}

workers_testing::store_conformance!(conformance, store);

#[test]
fn sqlite_keeps_a_prepared_query_when_a_parameter_changes() {
    #[derive(diesel::QueryableByName)]
    struct CompileOption {
        #[diesel(sql_type = diesel::sql_types::Text)]
        compile_options: String,
    }
    let mut connection = diesel::SqliteConnection::establish(":memory:").unwrap();
    let options: Vec<CompileOption> = diesel::sql_query("PRAGMA compile_options").load(&mut connection).unwrap();
    let names: Vec<&str> = options.iter().map(|option| option.compile_options.as_str()).collect();
    assert!(names.contains(&"THREADSAFE=1") && !names.contains(&"ENABLE_STAT4"), "{names:?}");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_file_and_its_companions_are_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("a/b");
    let database = connect(&url_in(&inner)).await;
    database.store().schema().apply_migrations().await.unwrap();
    assert_eq!(mode(&inner), 0o700);
    for name in ["workers.sqlite3", "workers.sqlite3-wal", "workers.sqlite3-shm"] {
        assert_eq!(mode(&inner.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_created_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let url = DatabaseUrl::sqlite_file(directory.path().join("file/workers.sqlite3"));
    let database = Database::connect(&url, &StorageOptions::default()).await;
    let error = match database {
        Ok(database) => database.create_if_none().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, ConnectError::File { .. }));
    assert!(chain(&error).contains("file/workers.sqlite3"), "{}", chain(&error));
}

#[tokio::test]
async fn a_file_is_made_and_brought_up_to_date_by_one_call_and_used_again_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/workers.sqlite3");
    let kept = worker();
    Database::sqlite_file(&path).await.unwrap().store().workers().insert(&kept, "source").await.unwrap();
    let database = Database::sqlite_file(&path).await.unwrap();
    database.store().schema().check().await.unwrap();
    assert_eq!(database.store().workers().list().await.unwrap(), [kept]);
}

#[tokio::test]
async fn nothing_but_a_wish_for_a_database_makes_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/workers.sqlite3");
    let database = Database::connect(&DatabaseUrl::sqlite_file(&path), &StorageOptions::default()).await.unwrap();
    assert!(!database.is_there().await.unwrap());
    let store = database.store();
    for said in [
        unavailable(store.schema().check().await),
        unavailable(store.workers().list().await),
        unavailable(store.schema().set_up(ExistingWorkers::Keep).await),
        unavailable(database.store().schema().apply_migrations().await),
    ] {
        assert!(said.contains("a/workers.sqlite3 is missing"), "{said}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    database.create_if_none().await.unwrap();
    assert!(!database.store().schema().apply_migrations().await.unwrap().is_empty());
}

/// Returns a database file with one worker, and the worker.
pub(crate) async fn with_worker(directory: &Path) -> (Fixture, Worker) {
    let store = connect(&url_in(directory)).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let worker = worker();
    store.workers().insert(&worker, "source").await.unwrap();
    (Fixture { store, directory: None }, worker)
}

#[tokio::test]
async fn a_file_that_goes_is_missed_and_nothing_is_lost_when_it_comes_back() {
    for whole_directory in [false, true] {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("data");
        let (fixture, kept) = with_worker(&directory).await;
        let name = if whole_directory { "data" } else { "data/workers.sqlite3" };
        let (here, away) = (parent.path().join(name), parent.path().join("away"));
        std::fs::rename(&here, &away).unwrap();
        let late = worker();
        for said in [
            unavailable(fixture.workers().list().await),
            unavailable(fixture.workers().insert(&late, "").await),
            unavailable(fixture.schema().set_up(ExistingWorkers::Keep).await),
            unavailable(fixture.schema().check().await),
        ] {
            assert!(said.contains("is missing"), "{said}");
        }
        let other = Database::connect(&url_in(&directory).parse().unwrap(), &StorageOptions::default()).await.unwrap();
        if !whole_directory {
            let error = other.create_if_none().await.unwrap_err();
            assert!(matches!(error, ConnectError::LogWithoutFile { .. }), "{error}");
        }
        assert!(!here.exists());
        std::fs::rename(&away, &here).unwrap();
        assert_eq!(fixture.workers().list().await.unwrap(), std::slice::from_ref(&kept));
        fixture.workers().insert(&late, "").await.unwrap();
        let restarted = connect(&url_in(&directory)).await.store();
        assert_eq!(restarted.workers().list().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn another_file_in_the_place_of_the_one_that_was_opened_is_neither_read_nor_written() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, kept) = with_worker(directory.path()).await;
    let file = directory.path().join("workers.sqlite3");
    let aside = |name: &str| directory.path().join(format!("aside{name}"));
    for name in ["", "-wal", "-shm"] {
        std::fs::rename(directory.path().join(format!("workers.sqlite3{name}")), aside(name)).unwrap();
    }
    let other = tempfile::tempdir().unwrap();
    let (_of_other, _) = with_worker(other.path()).await;
    execute(&other.path().join("workers.sqlite3"), "PRAGMA wal_checkpoint(TRUNCATE)");
    std::fs::copy(other.path().join("workers.sqlite3"), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    for said in [
        unavailable(fixture.workers().list().await),
        unavailable(fixture.workers().insert(&worker(), "").await),
        unavailable(fixture.schema().set_up(ExistingWorkers::Keep).await),
        unavailable(fixture.schema().check().await),
    ] {
        assert!(said.contains("another one"), "{said}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    for name in ["", "-wal", "-shm"] {
        std::fs::rename(aside(name), directory.path().join(format!("workers.sqlite3{name}"))).unwrap();
    }
    assert_eq!(fixture.workers().list().await.unwrap(), [kept]);
}

#[tokio::test]
async fn a_name_that_sqlite_would_take_for_a_uri_is_a_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file:odd%20name#1");
    let database = connect(&format!("sqlite://{}", path.display())).await;
    database.store().schema().apply_migrations().await.unwrap();
    assert!(path.metadata().unwrap().len() > 0);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("workers.sqlite3");
    let text = "these are my notes, not a database, and they are worth keeping. ".repeat(20);
    std::fs::write(&path, &text).unwrap();
    let error = connect(&url_in(directory.path())).await.store().schema().apply_migrations().await.unwrap_err();
    assert!(chain(&error).contains("not a database"), "{}", chain(&error));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let fixture = store().await;
    fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let worker = worker();
    fixture.workers().insert(&worker, "").await.unwrap();
    let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
    execute(&file, "UPDATE workers SET status = 'asleep'");
    let error = fixture.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Inconsistent { column: "status", id, .. } if id == worker.id));
    execute(&file, "UPDATE workers SET status = 'creating', functions = '{}'");
    let error = fixture.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Inconsistent { column: "functions", id, .. } if id == worker.id));
    assert!(chain(&error).contains("no list of names"), "{}", chain(&error));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_no_other_and_can_be_deleted_whatever_column_it_is() {
    for (column, change) in [
        ("status", "status = 'weird'"),
        ("status", "status = x'ff00'"),
        ("name", "name = ''"),
        ("name", "name = x'ff'"),
        ("snapshot_id", "status = 'ready'"),
        ("snapshot_id", "snapshot_id = x'ff', status = 'ready'"),
        ("functions", "functions = '{}'"),
        ("functions", "functions = 'greet'"),
        ("functions", "functions = '[1]'"),
        ("functions", "functions = '[\"\"]'"),
        ("functions", "functions = x'ff'"),
        ("error_message", "status = 'error'"),
        ("error_message", "status = 'error', error_message = x'ff'"),
        ("created_at", "created_at = 'yesterday'"),
        ("created_at", "created_at = ''"),
        ("created_at", "created_at = x'ff'"),
        ("created_at", "created_at = 9e300"),
        ("snapshot_expires_at", "snapshot_expires_at = 'never', snapshot_id = 's', status = 'ready'"),
        ("snapshot_expires_at", "snapshot_expires_at = 'infinity', snapshot_id = 's', status = 'expired'"),
        ("last_invoked_at", "last_invoked_at = '2026-13-01 00:00:00'"),
        ("id", "id = 'seven'"),
        ("id", "id = ''"),
        ("id", "id = x'ff00'"),
        ("id", "id = upper(id)"),
    ] {
        let fixture = store().await;
        fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
        let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
        let [sound, broken, other] = three(&*fixture).await;
        execute(&file, &format!("UPDATE workers SET {change} WHERE id = '{}'", broken.id));
        check_spoilt(&*fixture, column, &[sound, other], &broken).await;
    }
}

/// Such a worker would be hidden from every call, because a row is found through its tenant.
#[tokio::test]
async fn a_tenant_that_is_no_id_is_refused_also_when_it_is_written_by_hand() {
    let fixture = store().await;
    fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
    let [kept, ..] = three(&*fixture).await;
    let before = fixture.workers().list().await.unwrap();
    let mut connection = open(&file);
    for tenant in [
        "'none'",
        "''",
        "x'ff'",
        "7",
        "'AAAAAAAA-0000-7000-8000-000000000000'",
        "'aaaaaaaa00007000800000000000000000'",
        "'aaaaaaaa-0000-7000-8000-0000000000001'",
        "CAST('aaaaaaaa-0000-7000-8000-000000000000' AS BLOB)",
    ] {
        let change = format!("UPDATE workers SET tenant_id = {tenant} WHERE id = '{}'", kept.id);
        let insert = format!(
            "INSERT INTO workers (id, tenant_id, name, snapshot_id, functions, status, source_code, created_at) \
             VALUES ('019ab000-0000-7000-8000-000000000001', {tenant}, 'w', '', '[]', 'creating', '', '2025-11-23 09:26:40')"
        );
        for statement in [change, insert] {
            let refused = connection.batch_execute(&statement).unwrap_err().to_string();
            assert!(refused.contains("tenant_id is no UUID"), "{tenant}: {refused}");
        }
    }
    assert_eq!(fixture.workers().list().await.unwrap(), before);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_its_position_in_the_pages() {
    for change in [
        "status = 'asleep'",
        "created_at = 'yesterday'",
        "created_at = ''",
        "created_at = 'it''s'",
        "created_at = 7",
        "created_at = -0.1",
        "created_at = 9e999",
        "created_at = x'00ff'",
        "created_at = CAST(x'32ff' AS TEXT)",
        "created_at = '2025-11-23 09:26:40' || char(0)",
        "created_at = hex(zeroblob(100000))",
        "id = 'seven'",
        "id = ''",
        "id = x'ff00'",
        "id = CAST(x'30ff' AS TEXT)",
        "id = hex(zeroblob(100000))",
        "id = hex(zeroblob(100000)), created_at = hex(zeroblob(100000))",
    ] {
        let fixture = store().await;
        fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
        let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
        let [_, broken, _] = three(&*fixture).await;
        execute(&file, &format!("UPDATE workers SET {change}, name = '' WHERE id = '{}'", broken.id));
        check_pages(&*fixture, change).await;
    }
}

#[tokio::test]
async fn rows_that_no_page_can_end_with_make_it_longer_and_not_endless() {
    let fixture = store().await;
    fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
    for _ in 0..4 {
        three(&*fixture).await;
    }
    execute(
        &file,
        "UPDATE workers SET created_at = created_at || hex(zeroblob(100000)) WHERE created_at >= '2025-11-23 09:26:41'",
    );
    let page = fixture.workers().list_page(&scope_of_all(), &PageRequest::first(NonZeroU32::MIN)).await.unwrap();
    assert_eq!(page.items.len(), 9, "eight that it cannot end with, and one that it can");
    assert!(page.next.as_ref().unwrap().as_bytes().len() < 600);
    let behind = PageRequest { after: page.next, limit: NonZeroU32::MAX };
    let rest = fixture.workers().list_page(&scope_of_all(), &behind).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (3, None));
}

#[tokio::test]
async fn rows_that_cannot_be_read_do_not_keep_the_sweeper_from_those_behind_them() {
    let fixture = store().await;
    let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
    let kept = due_workers(&*fixture).await;
    execute(&file, BREAK_OLDEST);
    check_passed(&*fixture, &kept).await;
}

#[tokio::test]
async fn another_process_that_writes_is_waited_for() {
    let fixture = store().await;
    fixture.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let file = fixture.directory.as_ref().unwrap().path().join("workers.sqlite3");
    let mut other = open(&file);
    batch(&mut other, "BEGIN IMMEDIATE; DELETE FROM workers");

    let worker = worker();
    let insertion = fixture.workers().insert(&worker, "");
    let release = async {
        // Reads continue in the meantime.
        assert_eq!(fixture.workers().list().await.unwrap(), []);
        batch(&mut other, "COMMIT");
    };
    let (inserted, ()) = tokio::join!(insertion, release);
    inserted.unwrap();
    assert_eq!(
        fixture.workers().find_by_id(&scope_of_all(), worker.id).await.unwrap().map(|worker| worker.created_at),
        Some(at(0))
    );
}

#[tokio::test]
async fn a_caller_that_waited_too_long_for_a_connection_gets_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = connect_with(&url_in(directory.path()), &impatient()).await.store();
    store.schema().set_up(ExistingWorkers::Keep).await.unwrap();
    let mut other = open(&directory.path().join("workers.sqlite3"));
    batch(&mut other, "BEGIN IMMEDIATE");

    // The first insert has the only writing connection until the other process is done, and the second one waits for
    // it.
    let [first, second] = [worker(), worker()];
    let patient = store.workers().insert(&first, "");
    let impatient = async {
        let said = unavailable(store.workers().insert(&second, "").await);
        assert!(said.contains("no connection became free"), "{said}");
        batch(&mut other, "COMMIT");
    };
    let (inserted, ()) = tokio::join!(patient, impatient);
    inserted.unwrap();
    assert_eq!(store.workers().list().await.unwrap(), [first]);
}

pub(crate) fn open(file: &Path) -> diesel::SqliteConnection {
    diesel::Connection::establish(file.to_str().unwrap()).unwrap()
}

pub(crate) fn batch(connection: &mut diesel::SqliteConnection, sql: &str) {
    diesel::connection::SimpleConnection::batch_execute(connection, sql).unwrap();
}

pub(crate) fn execute(file: &Path, sql: &str) {
    batch(&mut open(file), sql);
}
