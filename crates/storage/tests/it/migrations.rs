//! The schema: applied once by any process, equal on both backends, and revertible.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use workers_domain::TenantId;
use workers_domain::ports::{ExistingWorkers, RepositoryError};
use workers_storage::Database;
use workers_testing::{AllWorkers as _, ThrowAwayPostgres};

use crate::sqlite::execute;
use crate::support::{chain, connect, worker};

/// A column, described in the same terms for both backends.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    of_type: String,
    #[diesel(sql_type = Bool)]
    is_nullable: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    columns: String,
}

const POSTGRES_COLUMNS: &str = "\
    SELECT attname::text AS name, upper(format_type(atttypid, atttypmod)) AS of_type, NOT attnotnull AS is_nullable \
    FROM pg_attribute WHERE attrelid = 'workers'::regclass AND attnum > 0 AND NOT attisdropped";
const SQLITE_COLUMNS: &str =
    "SELECT name, upper(type) AS of_type, \"notnull\" = 0 AS is_nullable FROM pragma_table_info('workers')";
const POSTGRES_INDEXES: &str = "\
    SELECT c.relname::text AS name, \
        (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid) AS columns \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE i.indrelid = 'workers'::regclass AND NOT i.indisprimary";
const SQLITE_INDEXES: &str = "\
    SELECT l.name AS name, (SELECT group_concat(i.name, ',') FROM pragma_index_info(l.name) i) AS columns \
    FROM pragma_index_list('workers') l WHERE l.origin = 'c'";

fn migrations(backend: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(backend)
}

fn directories(backend: &str) -> BTreeSet<String> {
    let entries = migrations(backend).read_dir().unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn downs(backend: &str) -> Vec<String> {
    let newest_first = directories(backend).into_iter().rev();
    newest_first.map(|name| std::fs::read_to_string(migrations(backend).join(name).join("down.sql")).unwrap()).collect()
}

/// Returns SQLite's name for a type that has a different name in Postgres.
fn as_sqlite(postgres: &str) -> String {
    match postgres {
        "UUID" | "TEXT[]" => "TEXT".to_owned(),
        "TIMESTAMP WITHOUT TIME ZONE" => "TIMESTAMP".to_owned(),
        other => other.replace("CHARACTER VARYING", "VARCHAR"),
    }
}

async fn query_postgres<T: QueryableByName<diesel::pg::Pg> + Send + 'static>(url: &str, sql: &'static str) -> Vec<T> {
    use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
    let mut connection = AsyncPgConnection::establish(url).await.unwrap();
    RunQueryDsl::load(diesel::sql_query(sql), &mut connection).await.unwrap()
}

fn query_sqlite<T: QueryableByName<diesel::sqlite::Sqlite> + 'static>(file: &Path, sql: &str) -> Vec<T> {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    diesel::RunQueryDsl::load(diesel::sql_query(sql), &mut connection).unwrap()
}

async fn sqlite() -> (tempfile::TempDir, PathBuf, Database) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("workers.sqlite3");
    let database = connect(&format!("sqlite://{}", file.display())).await;
    (directory, file, database)
}

#[test]
fn the_directories_have_equal_names_that_say_when_and_what() {
    let names = directories("postgres");
    assert_eq!(names, directories("sqlite"));
    for name in names {
        let (time, what) = name.split_once('_').unwrap();
        assert_eq!(time.len(), "2026-11-23-150000".len(), "{name}");
        assert!(what.contains('_') && what.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
}

#[tokio::test]
async fn both_backends_end_up_with_the_same_schema() {
    let url = ThrowAwayPostgres::shared().create_database().await;
    let (_directory, file, database) = sqlite().await;
    connect(&url).await.store().schema().apply_migrations().await.unwrap();
    database.store().schema().apply_migrations().await.unwrap();

    let mut on_postgres: Vec<Column> = query_postgres(&url, POSTGRES_COLUMNS).await;
    let functions = on_postgres.iter().find(|column| column.name == "functions").unwrap();
    assert_eq!(functions.of_type, "TEXT[]");
    for column in &mut on_postgres {
        column.of_type = as_sqlite(&column.of_type);
    }
    let mut on_sqlite: Vec<Column> = query_sqlite(&file, SQLITE_COLUMNS);
    on_postgres.sort();
    on_sqlite.sort();
    assert_eq!(on_postgres, on_sqlite);

    let mut on_postgres: Vec<Index> = query_postgres(&url, POSTGRES_INDEXES).await;
    let mut on_sqlite: Vec<Index> = query_sqlite(&file, SQLITE_INDEXES);
    on_postgres.sort();
    on_sqlite.sort();
    assert_eq!(on_postgres, on_sqlite);
}

#[tokio::test]
async fn on_postgres_down_undoes_up() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let database = connect(&url).await;
    database.store().schema().apply_migrations().await.unwrap();
    for down in downs("postgres") {
        server.execute(&url, &down).await;
    }
    let left: Vec<Index> = query_postgres(
        &url,
        "SELECT relname::text AS name, '' AS columns FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'",
    )
    .await;
    assert_eq!(left, []);
    server.execute(&url, "DELETE FROM __diesel_schema_migrations").await;
    assert_eq!(database.store().schema().apply_migrations().await.unwrap().len(), directories("postgres").len());
}

#[tokio::test]
async fn on_sqlite_down_undoes_up() {
    let (_directory, file, database) = sqlite().await;
    database.store().schema().apply_migrations().await.unwrap();
    for down in downs("sqlite") {
        execute(&file, &down);
    }
    let left: Vec<Index> = query_sqlite(
        &file,
        "SELECT name, '' AS columns FROM sqlite_schema WHERE tbl_name NOT IN ('__diesel_schema_migrations')",
    );
    assert_eq!(left, []);
    execute(&file, "DELETE FROM __diesel_schema_migrations");
    assert_eq!(database.store().schema().apply_migrations().await.unwrap().len(), directories("sqlite").len());
}

/// Migrates with twenty pools. To the database they are twenty processes.
async fn migrate_at_once(url: &str) {
    let mut databases = Vec::new();
    for _ in 0..20 {
        databases.push(connect(url).await);
    }
    let apply = |database: &Database| {
        let store = database.store();
        async move { store.schema().apply_migrations().await }
    };
    let results = futures_util::future::join_all(databases.iter().map(apply)).await;
    let mut applied: Vec<String> = results.into_iter().flat_map(Result::unwrap).collect();
    applied.sort();
    assert_eq!(applied, directories("postgres").into_iter().collect::<Vec<_>>());
    assert_eq!(databases[0].store().schema().apply_migrations().await.unwrap(), Vec::<String>::new());
    databases[1].store().schema().check().await.unwrap();
}

#[tokio::test]
async fn on_postgres_each_migration_runs_once_however_many_try() {
    migrate_at_once(&ThrowAwayPostgres::shared().create_database().await).await;
}

#[tokio::test]
async fn on_sqlite_each_migration_runs_once_however_many_try() {
    let directory = tempfile::tempdir().unwrap();
    migrate_at_once(&format!("sqlite://{}/workers.sqlite3", directory.path().display())).await;
}

#[tokio::test]
async fn migrations_keep_the_workers() {
    let (_directory, _file, database) = sqlite().await;
    database.store().schema().apply_migrations().await.unwrap();
    let worker = worker();
    database.store().workers().insert(&worker, "").await.unwrap();
    database.store().schema().apply_migrations().await.unwrap();
    assert_eq!(database.store().workers().list().await.unwrap(), [worker]);
}

/// A row as it was stored before workers had tenants.
const OLD_ROW: &str = "\
    INSERT INTO workers (id, name, snapshot_id, functions, status, source_code, created_at, snapshot_expires_at) \
    VALUES ('019ab000-0000-7000-8000-000000000001', 'shop', 'snap_1', '[\"greet\"]', 'ready', '', \
        '2025-11-23 09:26:40', '2999-01-01 00:00:00')";

/// Reverts the migrations after the first two.
const FORGET: &str = "DELETE FROM __diesel_schema_migrations WHERE version > '20261127090000'";

fn downs_to_the_second(backend: &str) -> Vec<String> {
    let mut downs = downs(backend);
    downs.truncate(downs.len() - 2);
    downs
}

async fn assert_of_the_default_tenant(database: &Database) {
    let applied = database.store().schema().apply_migrations().await.unwrap();
    assert_eq!(applied.len(), directories("postgres").len() - 2);
    let listed = database.store().workers().list().await.unwrap();
    let [old] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((old.problem(), old.tenant_id(), old.status().as_str()), (None, TenantId::DEFAULT, "ready"));
    database.store().schema().check().await.unwrap();
}

#[tokio::test]
async fn on_postgres_a_worker_of_the_time_before_tenants_belongs_to_the_default_one() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    connect(&url).await.store().schema().apply_migrations().await.unwrap();
    for sql in downs_to_the_second("postgres") {
        server.execute(&url, &sql).await;
    }
    server.execute(&url, FORGET).await;
    server.execute(&url, &OLD_ROW.replace("[\"greet\"]", "{greet}")).await;
    assert_of_the_default_tenant(&connect(&url).await).await;
}

#[tokio::test]
async fn on_sqlite_a_worker_of_the_time_before_tenants_belongs_to_the_default_one() {
    let (_directory, file, database) = sqlite().await;
    database.store().schema().apply_migrations().await.unwrap();
    for sql in downs_to_the_second("sqlite") {
        execute(&file, &sql);
    }
    execute(&file, FORGET);
    execute(&file, OLD_ROW);
    assert_of_the_default_tenant(&database).await;
}

const FUTURE: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231235959')";

async fn assert_too_new(database: &Database) {
    let store = database.store();
    let errors = [
        database.store().schema().apply_migrations().await.unwrap_err(),
        store.schema().check().await.unwrap_err(),
        store.schema().set_up(ExistingWorkers::Keep).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, RepositoryError::Refused { .. }));
        let text = chain(&error);
        assert!(text.contains("29991231235959") && text.contains("use a workersd at least as new"), "{text}");
    }
}

#[tokio::test]
async fn on_postgres_a_schema_of_the_future_is_left_alone() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    let database = connect(&url).await;
    database.store().schema().apply_migrations().await.unwrap();
    server.execute(&url, FUTURE).await;
    assert_too_new(&database).await;
}

#[tokio::test]
async fn on_sqlite_a_schema_of_the_future_is_left_alone() {
    let (_directory, file, database) = sqlite().await;
    database.store().schema().apply_migrations().await.unwrap();
    execute(&file, FUTURE);
    assert_too_new(&database).await;
}

#[tokio::test]
async fn a_migration_that_fails_leaves_no_trace() {
    let server = ThrowAwayPostgres::shared();
    let url = server.create_database().await;
    server.execute(&url, "CREATE TABLE workers (mine INT)").await;
    let error = connect(&url).await.store().schema().apply_migrations().await.unwrap_err();
    assert!(chain(&error).contains("already exists"), "{}", chain(&error));
    server.execute(&url, "DROP TABLE workers").await;
    assert!(matches!(connect(&url).await.store().schema().check().await, Err(RepositoryError::SchemaMissing)));
    assert_eq!(
        connect(&url).await.store().schema().apply_migrations().await.unwrap().len(),
        directories("postgres").len()
    );
}
