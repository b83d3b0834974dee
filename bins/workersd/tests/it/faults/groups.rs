//! Control groups of version 1 around a server, and programs that start one in them.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::engine::SOON;

/// A control group. Dropping it removes it and the groups in it, so drop it after the server.
pub(super) struct Group(PathBuf);

impl Group {
    /// Creates a group. Skips the test where the controller has no hierarchy of version 1.
    pub(super) fn new(controller: &str, name: &str) -> Self {
        let hierarchy = Path::new("/sys/fs/cgroup").join(controller);
        if !hierarchy.join("cgroup.procs").exists() {
            workers_testing::skip("this host has no cgroup hierarchy of version 1 for it");
        }
        let group = hierarchy.join(format!("test-{name}-{}", std::process::id()));
        fs::create_dir(&group).unwrap();
        Self(group)
    }

    /// Returns the path of a file of the group.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn set(&self, file: &str, value: impl Display) {
        fs::write(self.file(file), value.to_string()).unwrap();
    }

    pub(super) fn number(&self, file: &str) -> u64 {
        fs::read_to_string(self.file(file)).unwrap().trim().parse().unwrap()
    }

    /// Returns a program that starts the server in the group.
    pub(super) fn program(&self, directory: &Path) -> PathBuf {
        starter(directory, &format!("echo $$ > {}", self.file("cgroup.procs").display()), "")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let began = Instant::now();
        while self.0.exists() && began.elapsed() < SOON {
            remove_groups(&self.0);
        }
    }
}

/// Removes a group and those in it, the deepest first. A group that still has processes stays.
pub(super) fn remove_groups(group: &Path) {
    let inner = fs::read_dir(group).into_iter().flatten().flatten().map(|item| item.path());
    inner.filter(|path| path.is_dir()).for_each(|path| remove_groups(&path));
    let _ = fs::remove_dir(group);
}

/// Writes a shell program that runs a line and then becomes the server, with its output redirected.
pub(super) fn starter(directory: &Path, line: &str, redirection: &str) -> PathBuf {
    let (program, server) = (directory.join("server"), env!("CARGO_BIN_EXE_workersd"));
    fs::write(&program, format!("#!/bin/sh\n{line}\nexec {server} \"$@\" {redirection}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}
