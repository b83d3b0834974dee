//! SQLite with a damaged file, and on a disk that accepts no writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use workers_domain::WorkerId;
use workers_domain::ports::{RepositoryError, Store};
use workers_storage::{BackupError, ConnectError, Database, DatabaseUrl, StorageOptions};
use workers_testing::{AllWorkers as _, scope_of_all};

use crate::sqlite::{batch, execute, open, url_in, with_worker};
use crate::support::{SmallDisk, chain, connect, run, unavailable, worker};

/// Much longer than checking a small file takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Overwrites the first page of this table or index with invalid data.
fn break_root_of(file: &Path, name: &str) {
    #[derive(diesel::QueryableByName)]
    struct Root {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        rootpage: i32,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        page_size: i32,
    }
    execute(file, "PRAGMA wal_checkpoint(TRUNCATE)");
    let query = "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = ";
    let query = diesel::sql_query(format!("{query}'{name}'"));
    let root: Root = diesel::RunQueryDsl::get_result(query, &mut open(file)).unwrap();
    let (page, size) = (u64::try_from(root.rootpage).unwrap(), u64::try_from(root.page_size).unwrap());
    let nonsense = vec![0x55; usize::try_from(size).unwrap()];
    OpenOptions::new().write(true).open(file).unwrap().write_all_at(&nonsense, (page - 1) * size).unwrap();
}

#[tokio::test]
async fn a_broken_page_of_the_table_or_of_an_index_is_reported_as_damage_while_the_server_runs() {
    for name in ["workers", "workers_created_at_idx", "workers_status_idx", "sqlite_autoindex_workers_1"] {
        let directory = tempfile::tempdir().unwrap();
        let (fixture, kept) = with_worker(directory.path()).await;
        fixture.schema().check().await.unwrap();
        break_root_of(&directory.path().join("workers.sqlite3"), name);
        let error = fixture.schema().check().await.unwrap_err();
        assert!(matches!(error, RepositoryError::Damaged(_)), "{name}: {}", chain(&error));
        let restarted = connect(&url_in(directory.path())).await.store();
        let error = match name {
            "workers_status_idx" => restarted.workers().list_due_to_expire(crate::support::at(0), 1).await.unwrap_err(),
            "sqlite_autoindex_workers_1" => restarted.workers().find_by_id(&scope_of_all(), kept.id).await.unwrap_err(),
            _ => restarted.workers().list().await.unwrap_err(),
        };
        assert!(matches!(error, RepositoryError::Damaged(_)), "{name}: {}", chain(&error));
    }
}

#[tokio::test]
async fn a_look_at_all_of_a_broken_file_names_it_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(directory.path()).await;
    drop(fixture);
    let file = directory.path().join("workers.sqlite3");
    let database = connect(&url_in(directory.path())).await;
    database.verify(PATIENCE).await.unwrap();
    break_root_of(&file, "workers");
    for database in [database, look(directory.path()).await] {
        let error = database.verify(PATIENCE).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Damaged(_)), "{}", chain(&error));
        let said = chain(&error);
        assert!(said.contains(file.to_str().unwrap()) && said.contains("restore it from a backup"), "{said}");
    }
}

#[tokio::test]
async fn a_verification_that_takes_too_long_goes_on_and_every_check_returns_its_findings() {
    let directory = tempfile::tempdir().unwrap();
    drop(with_worker(directory.path()).await);
    let file = directory.path().join("workers.sqlite3");
    // A page that no other check reads: the list of migrations has its own index.
    break_root_of(&file, "sqlite_autoindex___diesel_schema_migrations_1");
    let database = connect(&url_in(directory.path())).await;
    // It may have finished in time all the same.
    drop(database.verify(Duration::ZERO).await);
    let store = database.store();
    while store.schema().check().await.is_ok() {}
    let error = store.schema().check().await.unwrap_err();
    assert!(matches!(error, RepositoryError::Damaged(_)), "{}", chain(&error));
}

/// Writes until the log has been copied into the file, and leaves something in the log.
async fn write_much(store: &dyn Store) -> Vec<WorkerId> {
    let mut written = Vec::new();
    for _ in 0..6 {
        let worker = worker();
        store.workers().insert(&worker, &"x".repeat(1 << 20)).await.unwrap();
        written.push(worker.id);
    }
    written
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_the_file_does_not_meet_its_log() {
    for in_place in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (fixture, _) = with_worker(directory.path()).await;
        let (file, copy) = (directory.path().join("workers.sqlite3"), directory.path().join("copy"));
        let (from, to) = (copy.to_str().unwrap(), file.to_str().unwrap());
        run("cp", &[to, from]);
        write_much(&*fixture.store).await;
        // The same file with different content, or a different file.
        run(if in_place { "cp" } else { "mv" }, &[from, to]);
        let before = files_of(directory.path());
        let expected = if in_place { "was overwritten" } else { "another one" };
        for said in
            [unavailable(fixture.workers().list().await), unavailable(fixture.workers().insert(&worker(), "").await)]
        {
            assert!(said.contains(expected), "{said}");
        }
        // Simulates a restart: the first pool keeps the log, as if the server had been killed.
        let url = url_in(directory.path()).parse().unwrap();
        let database = Database::connect(&url, &StorageOptions::default()).await.unwrap();
        let error = database.create_if_none().await.unwrap_err();
        assert!(matches!(error, ConnectError::LogOfAnotherFile { .. }), "{error}");
        assert!(chain(&error).contains("workers.sqlite3-wal") && chain(&error).contains("keep them"), "{error}");
        let said = unavailable(database.store().workers().list().await);
        assert!(said.contains("does not belong"), "{said}");
        drop(fixture);
        assert_eq!(files_of(directory.path()), before);
        if in_place {
            // SQLite identifies the file by its inode number, and this process still has it open.
            continue;
        }
        // Following the advice in the error helps.
        let aside = tempfile::tempdir().unwrap();
        for name in ["workers.sqlite3-wal", "workers.sqlite3-shm"] {
            std::fs::rename(directory.path().join(name), aside.path().join(name)).unwrap();
        }
        database.create_if_none().await.unwrap();
        database.store().schema().apply_migrations().await.unwrap();
        database.store().schema().check().await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_the_log_goes_on_from_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, kept) = with_worker(directory.path()).await;
    let (file, copy) = (directory.path().join("workers.sqlite3"), directory.path().join("copy"));
    run("cp", &[file.to_str().unwrap(), copy.to_str().unwrap()]);
    let late = worker();
    fixture.workers().insert(&late, &"x".repeat(100_000)).await.unwrap();
    std::fs::rename(&copy, &file).unwrap();
    let restarted = connect(&url_in(directory.path())).await;
    restarted.verify(PATIENCE).await.unwrap();
    let found: BTreeSet<_> = restarted.store().workers().list().await.unwrap().iter().map(|w| w.id).collect();
    assert_eq!(found, BTreeSet::from([kept.id, late.id]));
}

#[tokio::test]
async fn a_file_that_is_emptied_under_the_server_is_noticed_and_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(directory.path()).await;
    run("truncate", &["-s", "0", directory.path().join("workers.sqlite3").to_str().unwrap()]);
    for said in
        [unavailable(fixture.workers().insert(&worker(), "").await), unavailable(fixture.schema().check().await)]
    {
        assert!(said.contains("was overwritten"), "{said}");
    }
    assert_eq!(directory.path().join("workers.sqlite3").metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn what_another_process_of_ours_writes_is_no_reason_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, kept) = with_worker(directory.path()).await;
    let mut written = BTreeSet::from([kept.id]);
    for _ in 0..2 {
        let other = connect(&url_in(directory.path())).await;
        other.store().schema().apply_migrations().await.unwrap();
        written.extend(write_much(&*other.store()).await);
        fixture.schema().check().await.unwrap();
        written.extend(write_much(&*fixture.store).await);
    }
    let found: BTreeSet<_> = fixture.workers().list().await.unwrap().iter().map(|w| w.id).collect();
    assert_eq!(found, written);
    // The log does not grow without limit.
    let log = directory.path().join("workers.sqlite3-wal").metadata().unwrap().len();
    assert!(log < 8 << 20, "{log}");
}

#[tokio::test]
async fn a_directory_that_was_copied_with_its_log_is_used_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (_fixture, kept) = with_worker(directory.path()).await;
    let copy = tempfile::tempdir().unwrap();
    copy_files(directory.path(), copy.path());
    assert_eq!(connect(&url_in(copy.path())).await.store().workers().list().await.unwrap(), [kept]);
}

#[tokio::test]
async fn a_look_changes_nothing_whether_a_server_runs_was_killed_or_has_ended() {
    let running = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(running.path()).await;
    // The data in the log is nowhere else, as after a kill.
    let killed = tempfile::tempdir().unwrap();
    copy_files(running.path(), killed.path());
    let ended = tempfile::tempdir().unwrap();
    drop(with_worker(ended.path()).await);
    for directory in [running.path(), killed.path(), ended.path()] {
        std::fs::set_permissions(directory.join("workers.sqlite3"), PermissionsExt::from_mode(0o640)).unwrap();
        let before = files_of(directory);
        let database = look(directory).await;
        assert!(database.is_there().await.unwrap());
        database.verify(PATIENCE).await.unwrap();
        let store = database.store();
        store.schema().check().await.unwrap();
        assert_eq!(store.workers().list().await.unwrap().len(), 1);
        assert!(store.workers().insert(&worker(), "").await.is_err());
        drop((database, store));
        assert_eq!(files_of(directory), before);
    }
    drop(fixture);
}

/// Copies in a separate process: a process that closes a file releases all its locks on it.
fn copy_files(from: &Path, to: &Path) {
    run("cp", &["-r", &format!("{}/.", from.display()), to.to_str().unwrap()]);
}

/// Opens the database read-only.
async fn look(directory: &Path) -> Database {
    Database::inspect(&url_in(directory).parse().unwrap(), &StorageOptions::default()).await.unwrap()
}

/// Returns the files with their modes and contents. The log's index is left out, because it contains locks and counters
/// of the processes that have it open.
fn files_of(directory: &Path) -> BTreeMap<OsString, (u32, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let index = |path: &Path| path.to_str().unwrap().ends_with("-shm");
    // Reads in a separate process too.
    let read = |path: &Path| std::process::Command::new("cat").arg(path).output().unwrap().stdout;
    let content = |path: &Path| if index(path) { Vec::new() } else { read(path) };
    entries.map(|entry| (entry.file_name(), (entry.metadata().unwrap().mode(), content(&entry.path())))).collect()
}

#[tokio::test]
async fn a_table_or_a_column_that_went_after_the_migrations_is_distinguished_from_no_schema() {
    for sql in ["ALTER TABLE workers RENAME TO gone", "ALTER TABLE workers RENAME COLUMN source_code TO gone"] {
        let directory = tempfile::tempdir().unwrap();
        let (fixture, _) = with_worker(directory.path()).await;
        execute(&directory.path().join("workers.sqlite3"), sql);
        let error = fixture.schema().check().await.unwrap_err();
        assert!(matches!(error, RepositoryError::SchemaIncomplete(_)), "{}", chain(&error));
        assert!(chain(&error).contains("no such"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_check_does_not_wait_for_another_process_that_writes_and_calls_it_no_fault() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(directory.path()).await;
    fixture.schema().check().await.unwrap();
    let mut other = open(&directory.path().join("workers.sqlite3"));
    batch(&mut other, "BEGIN IMMEDIATE");
    let began = Instant::now();
    for _ in 0..20 {
        fixture.schema().check().await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    batch(&mut other, "COMMIT");
}

#[tokio::test]
async fn another_process_that_keeps_the_file_locked_is_a_fault_that_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(directory.path()).await;
    let mut other = open(&directory.path().join("workers.sqlite3"));
    batch(&mut other, "BEGIN IMMEDIATE");
    let began = Instant::now();
    while fixture.schema().check().await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5), "it is not reported");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(unavailable(fixture.schema().check().await).contains("locked"));
    batch(&mut other, "COMMIT");
    fixture.schema().check().await.unwrap();
    fixture.workers().insert(&worker(), "").await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_reported_as_one_by_check_and_insert_and_all_is_well_when_there_is_room_again() {
    for options in ["size=2m", "nr_inodes=40"] {
        let disk = SmallDisk::mount(options);
        let (fixture, kept) = with_worker(disk.path()).await;
        fixture.schema().check().await.unwrap();
        fill(disk.path());
        let error = fixture.schema().check().await.unwrap_err();
        assert!(matches!(error, RepositoryError::Full { .. }), "{options}: {}", chain(&error));
        if options.starts_with("size") {
            let source = "x".repeat(1 << 20);
            let error = fixture.workers().insert(&worker(), &source).await.unwrap_err();
            assert!(matches!(error, RepositoryError::Full { .. }), "{}", chain(&error));
        }
        // A new connection cannot create the log's index.
        let late = Database::connect(&url_in(disk.path()).parse().unwrap(), &StorageOptions::default()).await.unwrap();
        assert_eq!(late.store().workers().list().await.unwrap(), std::slice::from_ref(&kept));
        std::fs::remove_dir_all(disk.path().join("filler")).unwrap();
        fixture.schema().check().await.unwrap();
        fixture.workers().insert(&worker(), "").await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_for_want_of_room_says_so() {
    let disk = SmallDisk::mount("nr_inodes=40");
    let (fixture, kept) = with_worker(disk.path()).await;
    execute(&disk.path().join("workers.sqlite3"), "PRAGMA wal_checkpoint(TRUNCATE)");
    drop(fixture);
    fill(disk.path());
    // Its log no longer exists and cannot be created.
    let store = Database::connect(&url_in(disk.path()).parse().unwrap(), &StorageOptions::default()).await.unwrap();
    let store = store.store();
    let error = store.workers().list().await.unwrap_err();
    assert!(matches!(error, RepositoryError::Full { .. }), "{}", chain(&error));
    std::fs::remove_dir_all(disk.path().join("filler")).unwrap();
    assert_eq!(store.workers().list().await.unwrap(), [kept]);
}

#[tokio::test]
async fn a_read_only_file_system_is_reported_as_one_and_all_is_well_when_it_is_writable_again() {
    let disk = SmallDisk::mount("size=4m");
    let (fixture, kept) = with_worker(disk.path()).await;
    drop(fixture);
    disk.remount("ro");
    let url: DatabaseUrl = url_in(disk.path()).parse().unwrap();
    let database = Database::connect(&url, &StorageOptions::default()).await.unwrap();
    let store = database.store();
    for error in [
        store.schema().check().await.unwrap_err(),
        store.workers().insert(&worker(), "").await.unwrap_err(),
        store.workers().delete(&scope_of_all(), kept.id).await.unwrap_err(),
    ] {
        assert!(matches!(error, RepositoryError::ReadOnly { .. }), "{}", chain(&error));
    }
    disk.remount("rw");
    store.schema().check().await.unwrap();
    store.workers().insert(&worker(), "").await.unwrap();
    assert_eq!(store.workers().list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_system_that_an_error_turns_read_only_under_an_open_database_is_reported_as_one() {
    let disk = SmallDisk::that_can_fail();
    let directory = disk.path().join("data");
    let (fixture, kept) = with_worker(&directory).await;
    fixture.schema().check().await.unwrap();
    disk.fail();
    for _ in 0..2 {
        for error in [
            fixture.schema().check().await.unwrap_err(),
            fixture.workers().insert(&worker(), &"x".repeat(100_000)).await.unwrap_err(),
            fixture.workers().delete(&scope_of_all(), kept.id).await.unwrap_err(),
        ] {
            assert!(matches!(error, RepositoryError::ReadOnly { .. }), "{}", chain(&error));
        }
        assert_eq!(fixture.workers().list().await.unwrap(), std::slice::from_ref(&kept));
    }
}

/// Fills the disk so that neither a block nor an inode is free.
fn fill(directory: &Path) {
    let filler = directory.join("filler");
    std::fs::create_dir(&filler).unwrap();
    let mut blocks = File::create(filler.join("blocks")).unwrap();
    while std::io::Write::write(&mut blocks, &[1; 4096]).is_ok_and(|written| written > 0) {
        if blocks.metadata().unwrap().len() > 8 << 20 {
            break;
        }
    }
    for number in 0..100 {
        if File::create(filler.join(number.to_string())).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_backup_is_the_database_as_it_was_while_others_go_on_writing() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, kept) = with_worker(directory.path()).await;
    let database = connect(&url_in(directory.path())).await;
    let writing = async {
        for _ in 0..50 {
            fixture.workers().insert(&worker(), &"x".repeat(10_000)).await.unwrap();
        }
    };
    let restored = tempfile::tempdir().unwrap();
    let copy = restored.path().join("workers.sqlite3");
    let (copied, ()) = tokio::join!(database.back_up(&copy), writing);
    copied.unwrap();
    assert_eq!(copy.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(restored.path()).unwrap().count(), 1);
    let copy = connect(&url_in(restored.path())).await;
    copy.verify(PATIENCE).await.unwrap();
    copy.store().schema().check().await.unwrap();
    assert_eq!(copy.store().workers().find_by_id(&scope_of_all(), kept.id).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_nothing_and_replaces_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (fixture, _) = with_worker(directory.path()).await;
    fixture.workers().insert(&worker(), &"x".repeat(2 << 20)).await.unwrap();
    let database = connect(&url_in(directory.path())).await;
    let there = directory.path().join("there");
    std::fs::write(&there, "mine").unwrap();
    assert!(matches!(database.back_up(&there).await, Err(BackupError::IsThere(_))));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    let nowhere = database.back_up(&directory.path().join("none/copy")).await.unwrap_err();
    assert!(chain(&nowhere).contains("none/copy"), "{}", chain(&nowhere));
    let disk = SmallDisk::mount("size=1m");
    let full = database.back_up(&disk.path().join("copy")).await.unwrap_err();
    assert!(matches!(full, BackupError::Full { .. }), "{}", chain(&full));
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
}

/// Fills the disk so that not a single byte is free.
fn fill_up(directory: &Path) {
    use std::io::Write as _;
    let mut filler = std::fs::File::options().create(true).append(true).open(directory.join("filler")).unwrap();
    for piece in [65_536, 4096, 1] {
        while filler.write_all(&vec![1; piece]).is_ok() {}
    }
}

#[tokio::test]
async fn workers_are_removed_on_a_full_disk_since_making_room_needs_none() {
    let disk = SmallDisk::mount("size=16m");
    let (fixture, first) = with_worker(disk.path()).await;
    let mut workers = vec![first];
    for _ in 0..20 {
        let worker = worker();
        fixture.workers().insert(&worker, &"x".repeat(50_000)).await.unwrap();
        workers.push(worker);
    }
    fill_up(disk.path());
    let full = fixture.workers().insert(&worker(), &"x".repeat(500_000)).await.unwrap_err();
    assert!(matches!(full, RepositoryError::Full { .. }), "{}", chain(&full));
    for worker in &workers {
        assert!(fixture.workers().delete(&scope_of_all(), worker.id).await.unwrap().is_some());
        // Other writers take any freed space at once.
        fill_up(disk.path());
    }
    assert_eq!(fixture.workers().list().await.unwrap(), []);
}
