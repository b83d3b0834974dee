//! Owners and modes of the files in the data directory. The server checks them at its start, whatever the umask is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;
use workers_testing::skip_unless_root;

use super::engine::CODE;
use crate::support::command;
use crate::support::local::TestServer;

/// Some user of this host other than root.
const OTHER: u32 = 12345;

/// Returns mode, owner and time of change of a directory and of everything in it.
fn all(directory: &Path) -> BTreeMap<PathBuf, (u32, u32, i64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path, (about.mode(), about.uid(), about.mtime()));
    }
    found
}

/// Returns a directory that every user can enter, and a path in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = directory.path().join("data");
    (directory, data)
}

fn chown(path: &Path, user: u32) {
    let done = Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(path).status().unwrap();
    assert!(done.success());
}

/// Starts a server in a data directory, has it do some work, and stops it. Returns the worker's id.
async fn used(data: &Path) -> String {
    let server = TestServer::start_in(data, &[]);
    let id = server.deploy(CODE).await;
    assert_eq!(server.call(&id, "twice", &json!({ "n": 21 })).await.1["result"], 42);
    id
}

/// Starts a server as this user, which must refuse to start. Returns its message.
fn refused(data: &Path, user: u32) -> String {
    let program = command();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"]);
    command.arg(program.get_program()).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    let Output { status, stderr, .. } = command.args(["--allow-weaker", "shared-user-id"]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

#[tokio::test]
async fn a_data_directory_that_was_given_to_another_user_is_refused_with_the_path_and_works_once_it_is_given_back() {
    skip_unless_root("files of another user");
    let (_directory, data) = place();
    let id = used(&data).await;
    let parts = ["", "workers.sqlite3", "snapshots", "snapshots/contents", "node", "runtime", "template", "sandboxes"];
    for part in parts.map(|part| if part.is_empty() { data.clone() } else { data.join(part) }) {
        if !part.exists() {
            continue;
        }
        chown(&part, OTHER);
        let started = TestServer::try_start_in(&data, &[]);
        match started {
            Err(said) => assert!(said.contains(part.to_str().unwrap()), "{}: {said}", part.display()),
            Ok(server) => {
                let (_, answer) = server.call(&id, "twice", &json!({ "n": 4 })).await;
                assert_eq!(answer["result"], 8, "{}", part.display());
            }
        }
        chown(&data, 0);
    }
    let server = TestServer::start_in(&data, &[]);
    assert_eq!(server.call(&id, "twice", &json!({ "n": 4 })).await.1["result"], 8);
}

#[tokio::test]
async fn a_service_user_gets_an_error_with_the_path_of_what_root_has_left() {
    skip_unless_root("files of another user");
    let (_directory, data) = place();
    used(&data).await;
    let said = refused(&data, OTHER);
    assert!(said.contains(data.to_str().unwrap()) && said.contains("chown 12345"), "{said}");
    // Only the directory itself was given away, not what is in it.
    std::os::unix::fs::chown(&data, Some(OTHER), Some(OTHER)).unwrap();
    let said = refused(&data, OTHER);
    assert!(said.contains(&format!("{}/", data.display())), "{said}");
}

#[test]
fn a_doctor_of_root_changes_nothing_in_the_data_directory_of_another_user() {
    skip_unless_root("files of another user");
    let (_directory, data) = place();
    fs::create_dir(&data).unwrap();
    for content in [None, Some("workers.toml"), Some("workers.sqlite3")] {
        if let Some(name) = content {
            fs::write(data.join(name), "").unwrap();
        }
        chown(&data, OTHER);
        let before = all(&data);
        let _ = command().args(["doctor", "--vercel-api", "127.0.0.1:0", "--data-dir"]).arg(&data).output().unwrap();
        assert_eq!(all(&data), before, "{content:?}");
    }
}

#[tokio::test]
async fn what_is_in_the_data_directory_has_the_same_modes_whatever_the_umask_is() {
    let mut found = Vec::new();
    for umask in ["000", "022", "077", "777"] {
        let (directory, data) = place();
        let script = directory.path().join("server");
        let program = command().get_program().to_str().unwrap().to_owned();
        fs::write(&script, format!("#!/bin/sh\numask {umask}\nexec {program} \"$@\"\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let server = TestServer::start_program(&script, &data, &[]);
        let id = server.deploy(CODE).await;
        assert_eq!(server.call(&id, "twice", &json!({ "n": 21 })).await.1["result"], 42, "{umask}");
        let modes: BTreeMap<_, _> = [
            "",
            "workers.sqlite3",
            "workers.sqlite3-wal",
            "listening.lock",
            "snapshots",
            "snapshots/contents",
            "node",
            "node/node",
            "runtime",
            "template",
            "sandboxes",
        ]
        .into_iter()
        .filter_map(|name| Some((name, fs::symlink_metadata(data.join(name)).ok()?.mode() & 0o7777)))
        .collect();
        assert_eq!((modes[""], modes["workers.sqlite3"]), (0o700, 0o600), "{umask}");
        found.push(modes);
    }
    assert!(found.iter().all(|modes| *modes == found[0]), "{found:?}");
}
