//! The store on a disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::SnapshotId;
use workers_domain::ports::{SandboxFile, SandboxPath, Snapshot};

use super::manifest::Manifest;
use super::{NewSnapshot, SnapshotStore, Staging};
use crate::data_dir_root::DataDirRoot;

const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A store in a directory of its own.
struct TestStore {
    directory: tempfile::TempDir,
}

impl TestStore {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join("snapshots").join(path)
    }

    /// Opens the store, and waits until what the start moved to the trash is removed; otherwise tests would list it.
    fn open(&self) -> Arc<SnapshotStore> {
        let data_dir = DataDirRoot::of(self.directory.path()).unwrap();
        let store = Arc::new(SnapshotStore::open(&data_dir, &self.at(""), START).unwrap());
        self.await_removal();
        store
    }

    /// Makes a tree that is to become a content, and its manifest.
    fn stage(&self, text: &str) -> (PathBuf, Manifest) {
        let mut staging = Staging::new(self.directory.path().join("staged"), 1 << 20, None).unwrap();
        let path = SandboxPath::parse("worker.mjs").unwrap();
        staging.write(&[SandboxFile { path, contents: text.as_bytes().to_vec() }]).unwrap();
        (staging.directory().to_owned(), staging.manifest())
    }

    fn keep(&self, store: &SnapshotStore, text: &str, expires_at: Option<DateTime<Utc>>) -> Snapshot {
        let (files, manifest) = self.stage(text);
        store.keep(&files, &manifest, &NewSnapshot { id: None, now: START, expires_at }).unwrap()
    }

    /// Makes a snapshot as versions before the levels did.
    fn keep_flat(&self, text: &str) -> SnapshotId {
        let (files, manifest) = self.stage(text);
        let (address, id) = (manifest.address().unwrap(), SnapshotId::new(format!("snap_{}", uuid::Uuid::new_v4())));
        let content = self.at("contents").join(address.as_str());
        fs::create_dir_all(&content).unwrap();
        fs::create_dir_all(self.at("refs")).unwrap();
        fs::write(content.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        fs::rename(files, content.join("files")).unwrap();
        let reference =
            format!(r#"{{"content":"{}","size_bytes":{},"expires_at":null}}"#, address.as_str(), text.len());
        fs::write(self.at("refs").join(id.as_str()), reference).unwrap();
        id
    }

    /// Returns the paths of the files below a directory, relative to the store.
    fn files(&self, directory: &str) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.at(directory), &mut |path| {
            if !path.is_dir() {
                found.push(path.strip_prefix(self.at("")).unwrap().to_str().unwrap().to_owned());
            }
        });
        found
    }

    fn await_removal(&self) {
        while fs::read_dir(self.at("trash")).unwrap().next().is_some() {
            std::thread::yield_now();
        }
    }
}

fn list(directory: &Path, visit: &mut dyn FnMut(&Path)) {
    for item in fs::read_dir(directory).unwrap() {
        let path = item.unwrap().path();
        visit(&path);
        if path.is_dir() {
            list(&path, visit);
        }
    }
}

/// Returns the lines that are logged on this thread during `work`, without colours and times.
fn lines_logged(work: impl FnOnce()) -> Vec<String> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time();
    let subscriber = subscriber.with_writer(Mutex::new(log.reopen().unwrap())).finish();
    tracing::subscriber::with_default(subscriber, work);
    fs::read_to_string(log.path()).unwrap().lines().map(str::to_owned).collect()
}

fn text_of(store: &Arc<SnapshotStore>, id: &SnapshotId) -> Option<String> {
    let (_, lease) = store.lease(id, START).unwrap()?;
    Some(fs::read_to_string(lease.files().join("worker.mjs")).unwrap())
}

#[test]
fn a_snapshot_of_one_file_is_the_file_its_directory_and_a_reference() {
    let test = TestStore::new();
    let store = test.open();
    let snapshot = test.keep(&store, "text", None);
    let mut entries = Vec::new();
    list(&test.at(""), &mut |path| entries.push(path.to_owned()));
    // Four directories and two levels are shared by all snapshots.
    assert_eq!(entries.len(), 4 + 2 + 3, "{entries:?}");
    assert_eq!(text_of(&store, &snapshot.id).as_deref(), Some("text"));
}

#[test]
fn no_directory_has_the_snapshots_of_all() {
    let test = TestStore::new();
    let store = test.open();
    for number in 0..300 {
        test.keep(&store, &number.to_string(), None);
    }
    let mut largest = 0;
    list(&test.at(""), &mut |path| {
        if path.is_dir() && !["contents", "refs"].iter().any(|name| path.ends_with(name)) {
            largest = largest.max(fs::read_dir(path).unwrap().count());
        }
    });
    assert!(largest < 20, "{largest} entries in one directory");
    assert_eq!(store.older_than(later(), || {}).unwrap().len(), 300);
}

#[test]
fn snapshots_of_earlier_versions_are_found_used_listed_and_removed() {
    let test = TestStore::new();
    let old = [test.keep_flat("one"), test.keep_flat("two")];
    let store = test.open();
    // A new snapshot with a content that an earlier version has made.
    let new = test.keep(&store, "two", None);
    let mut listed = store.older_than(later(), || {}).unwrap();
    let mut expected = [old[0].clone(), old[1].clone(), new.id.clone()];
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    let texts = [&old[0], &old[1], &new.id].map(|id| text_of(&store, id));
    assert_eq!(texts, ["one", "two", "two"].map(|text| Some(text.to_owned())));
    store.delete(&old[1]).unwrap().unwrap();
    assert_eq!(text_of(&store, &new.id).as_deref(), Some("two"));
    for id in [&old[0], &new.id] {
        store.delete(id).unwrap().unwrap();
    }
    assert_eq!(store.older_than(later(), || {}).unwrap(), []);
    test.await_removal();
    assert_eq!(test.files(""), [""; 0]);
}

#[test]
fn a_start_logs_how_many_snapshots_of_an_earlier_version_it_moves_and_nothing_where_there_are_none() {
    let test = TestStore::new();
    let opened = || lines_logged(|| drop(test.open()));
    assert_eq!(opened(), [""; 0], "a new store");
    test.keep_flat("one");
    test.keep_flat("two");
    let lines = opened();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("moving the snapshots of an earlier version") && lines[0].ends_with("snapshots=2"));
    assert!(lines[1].contains("moved the snapshots of an earlier version") && lines[1].ends_with("snapshots=2"));
    assert_eq!(opened(), [""; 0], "a store that has been moved");
}

#[test]
fn the_last_line_about_a_move_counts_what_was_moved() {
    let test = TestStore::new();
    let (moved, stays) = (test.keep_flat("moved"), test.keep_flat("stays"));
    // Its place is taken.
    let level = test.at("refs").join(&stays.as_str()[stays.as_str().len() - 2..]);
    fs::create_dir_all(level.join(stays.as_str())).unwrap();
    let lines = lines_logged(|| drop(test.open()));
    assert!(lines[0].ends_with("snapshots=2") && lines[1].ends_with("snapshots=1"), "{lines:?}");
    assert!(test.files("refs").iter().any(|path| path.ends_with(moved.as_str())));
}

#[test]
fn a_move_from_the_earlier_layout_that_was_broken_off_is_gone_on_with() {
    let test = TestStore::new();
    let (moved, left) = (test.keep_flat("moved"), test.keep_flat("left"));
    drop(test.open());
    // As after a crash before the second step: the reference has not been moved yet, and the rest of the content is
    // still in the old place.
    let reference = test.files("refs").into_iter().find(|path| path.ends_with(moved.as_str())).unwrap();
    fs::rename(test.at(&reference), test.at("refs").join(moved.as_str())).unwrap();
    let tree = test.files("contents").into_iter().find(|path| fs::read(test.at(path)).unwrap() == b"moved").unwrap();
    let rest = test.at("contents").join(Path::new(&tree).parent().unwrap().file_name().unwrap());
    fs::create_dir(&rest).unwrap();
    fs::write(rest.join("manifest.json"), "{}").unwrap();
    let store = test.open();
    assert_eq!([&moved, &left].map(|id| text_of(&store, id)), ["moved", "left"].map(|text| Some(text.to_owned())));
    assert!(!rest.exists());
}

#[test]
fn what_a_killed_server_has_half_made_is_never_used_and_goes_with_the_next_start() {
    let test = TestStore::new();
    let store = test.open();
    let kept = test.keep(&store, "kept", None);
    let lost = test.keep(&store, "lost", None);
    drop(store);
    let reference = test.files("refs").into_iter().find(|path| path.ends_with(lost.id.as_str())).unwrap();
    let level = test.at(&reference).parent().unwrap().to_owned();
    // A content that got no reference, a content that was partly copied, and a reference that was partly written.
    fs::remove_file(test.at(&reference)).unwrap();
    fs::create_dir_all(test.at("contents/ab/abcd.unfinished")).unwrap();
    let torn = "snap_0193579b-0000-7000-8000-000000000000";
    fs::write(level.join(torn), "{\"cont").unwrap();
    fs::write(test.at("incoming").join(torn), "{").unwrap();
    fs::create_dir(test.at("trash/half")).unwrap();
    let store = test.open();
    assert_eq!(text_of(&store, &kept.id).as_deref(), Some("kept"));
    assert_eq!([&lost.id, &SnapshotId::new(torn)].map(|id| text_of(&store, id)), [None, None]);
    let left = test.files("");
    assert!(left.iter().all(|path| path.ends_with("worker.mjs") || path.ends_with(kept.id.as_str())), "{left:?}");
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_tree_that_is_not_what_its_name_says_counts_as_gone() {
    let harms: [fn(&Path); 4] = [
        |tree| fs::write(tree.join("worker.mjs"), "tex").unwrap(),
        |tree| fs::write(tree.join("worker.mjs"), "test").unwrap(),
        |tree| fs::write(tree.join("another"), "").unwrap(),
        |tree| fs::remove_file(tree.join("worker.mjs")).unwrap(),
    ];
    for harm in harms {
        let test = TestStore::new();
        let store = test.open();
        let snapshot = test.keep(&store, "text", None);
        let tree = store.lease(&snapshot.id, START).unwrap().unwrap().1.files();
        harm(&tree);
        drop(store);
        let store = test.open();
        assert_eq!(text_of(&store, &snapshot.id), None);
        let again = test.keep(&store, "text", None);
        assert_eq!(text_of(&store, &again.id).as_deref(), Some("text"));
    }
}

#[test]
fn the_sweep_takes_what_has_expired_or_lost_its_reference_and_leaves_what_is_used() {
    let test = TestStore::new();
    let store = test.open();
    let end = START + TimeDelta::hours(1);
    let kept = test.keep(&store, "kept", None);
    let expired = test.keep(&store, "expired", Some(end));
    let used = test.keep(&store, "used", Some(end));
    let lost = test.keep(&store, "lost", None);
    let (_, lease) = store.lease(&used.id, START).unwrap().unwrap();
    let reference = test.files("refs").into_iter().find(|path| path.ends_with(lost.id.as_str())).unwrap();
    fs::remove_file(test.at(&reference)).unwrap();
    let mut rests = 0;
    store.sweep(end, || rests += 1).unwrap();
    assert!(rests > 0);
    assert_eq!(store.older_than(later(), || {}).unwrap(), [kept.id]);
    assert_eq!(fs::read_to_string(lease.files().join("worker.mjs")).unwrap(), "used");
    assert_eq!(store.unreferenced([lease.content()]), [lease.content()]);
    assert_eq!(text_of(&store, &expired.id), None);
    drop(lease);
    test.await_removal();
    assert_eq!(test.files("contents").len(), 1);
}

/// Returns a time later than any file of a test.
fn later() -> DateTime<Utc> {
    DateTime::from_timestamp(1 << 40, 0).unwrap()
}

/// Prints what many snapshots cost (`SNAPSHOTS`, 20,000 unless it is set).
#[test]
#[ignore = "takes a minute, and measures"]
fn what_many_snapshots_cost() {
    use std::os::unix::fs::MetadataExt as _;
    use std::time::Instant;

    let count: usize = std::env::var("SNAPSHOTS").map_or(20_000, |count| count.parse().unwrap());
    let test = TestStore::new();
    let store = test.open();
    let timed = |what: &str, began: Instant| println!("{what}: {:?}", began.elapsed());
    let began = Instant::now();
    let kept: Vec<_> = (0..count).map(|number| test.keep(&store, &format!("{number:1024}"), None).id).collect();
    timed("kept", began);
    let (mut entries, mut blocks) = (0_u64, 0);
    list(&test.at(""), &mut |path| {
        entries += 1;
        blocks += path.symlink_metadata().unwrap().blocks();
    });
    println!("{count} snapshots of 1 KiB: {entries} entries, {} KiB", blocks / 2);
    drop(store);
    let began = Instant::now();
    let store = test.open();
    timed("opened", began);
    let began = Instant::now();
    store.older_than(later(), || {}).unwrap();
    timed("listed", began);
    let began = Instant::now();
    store.sweep(START, || {}).unwrap();
    timed("swept", began);
    let began = Instant::now();
    assert!(kept.iter().all(|id| store.lease(id, START).unwrap().is_some()));
    timed("checked all", began);
    let began = Instant::now();
    for id in &kept {
        store.delete(id).unwrap();
    }
    timed("removed", began);
    test.await_removal();
    timed("gone", began);
}
