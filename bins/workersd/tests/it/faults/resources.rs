//! The host has too few descriptors or too little memory while clients work.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use workers_testing::skip_unless_root;

use super::descriptors::{descriptor_limit, limit_descriptors, open_descriptors};
use super::engine::{Mounted, await_whole, call, deploy, launcher_of, problems, until_reported};
use super::groups::Group;
use super::load::Load;
use super::log_lines::Logged;
use crate::support::in_levels;
use crate::support::local::TestServer;

/// Returns the snapshots: their names, and values that would differ if they were made again.
fn contents(data: &Path) -> BTreeSet<(String, u64, i64)> {
    let of = |content: PathBuf| {
        let found = content.join("worker.mjs").metadata().unwrap();
        (content.file_name().unwrap().to_str().unwrap().to_owned(), found.ino(), found.ctime_nsec())
    };
    in_levels(&data.join("snapshots/contents")).into_iter().map(of).collect()
}

/// Takes almost all descriptors from a process while clients call, and then gives them back.
async fn without_descriptors(process_of: impl Fn(u32) -> u32) {
    let logged = Logged::start(&[]).await;
    let (server, id) = (&logged.server, &logged.id);
    let before = contents(&server.data_dir);
    let process = process_of(server.process_id());
    let enough = descriptor_limit(process);
    let load = Load::new().callers(4, server, id);
    for left in [0, 2, 5, 12] {
        limit_descriptors(process, open_descriptors(process) + left);
        for _ in 0..10 {
            call(server, id).await;
        }
        until_reported(server, "descriptors").await;
        let reported = problems(server).await;
        limit_descriptors(process, enough);
        assert!(!reported.iter().any(|part| part == "processes"), "{reported:?}");
        await_whole(server, id).await;
    }
    load.stop().await;
    assert_eq!(process, process_of(server.process_id()), "it was replaced by another one");
    assert!(before.is_subset(&contents(&server.data_dir)), "a snapshot was made again");
    let lines = logged.lines();
    assert!(lines.len() <= 20, "{} lines: {lines:#?}", lines.len());
    let of_accepting = lines.iter().filter(|line| line.contains("actix_server::accept")).count();
    assert!(of_accepting <= 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_descriptor_left_is_reported_and_throws_no_snapshot_away() {
    without_descriptors(|server| server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_without_a_descriptor_left_is_reported_and_loses_no_sandbox() {
    without_descriptors(launcher_of).await;
}

/// How long memory is short.
const FAULT: Duration = Duration::from_secs(2);

/// A group with limited memory for a server, and a file that fills it. Dropping this removes them, so drop it after the
/// server.
struct Memory {
    group: Group,
    /// A file on a file system in memory. It counts as memory of the group that wrote it, and freeing it does not take
    /// the kill of a process.
    filler: PathBuf,
    _mounted: Mounted,
}

impl Memory {
    /// Creates the group, with so many bytes.
    fn new(directory: &Path, most: u64) -> Self {
        let group = Group::new("memory", "filled");
        let place = directory.join("filler");
        fs::create_dir(&place).unwrap();
        let made = Self { group, filler: place.join("file"), _mounted: Mounted::of(&place, "size=4g") };
        made.group.set("memory.limit_in_bytes", most);
        made
    }

    /// Fills the group until `left` MiB are left.
    fn fill(&self, left: u64) {
        // `dd` writes until the kernel kills it.
        let script = format!(
            "echo 1000 > /proc/self/oom_score_adj; echo $$ > {}; exec dd if=/dev/zero of={} bs=1M \
             oflag=append conv=notrunc",
            self.group.file("cgroup.procs").display(),
            self.filler.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stderr(Stdio::null()).status().unwrap();
        let file = fs::File::options().write(true).open(&self.filler).unwrap();
        let full = file.metadata().unwrap().len();
        file.set_len(full.saturating_sub(left << 20)).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(&self.filler).unwrap();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Its memory would keep the group alive.
        let _ = fs::remove_file(&self.filler);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_others_fill_up_is_no_functions_doing() {
    skip_unless_root("a cgroup limits the memory");
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory::new(directory.path(), 1 << 30);
    let program = memory.group.program(directory.path());
    let server = Arc::new(TestServer::start_program(
        &program,
        &directory.path().join("data"),
        &["--memory", "128MiB", "--timeout", "8s"],
    ));
    // The function needs less than its limit, but more than is left.
    let id = server.deploy("export const twice = ({ n }) => { Buffer.alloc(40 << 20, 1); return n * 2 }").await;
    assert!(call(&server, &id).await);
    let mut failed = 0;
    for left in [0, 40] {
        let deployer = Arc::clone(&server);
        let load = Load::new().callers(3, &server, &id).clients(1, move || {
            let server = Arc::clone(&deployer);
            async move {
                let (status, body) = deploy(&server).await;
                assert!(status == 201 || status == 429 || status > 500, "{status} {body}");
                status == 201
            }
        });
        // Fill it again and again, because each process that the kernel kills makes room; and longer if that has hit no
        // request yet, because what has not begun is tried again.
        let began = Instant::now();
        while began.elapsed() < FAULT || (failed + load.failed() == 0 && began.elapsed() < FAULT * 10) {
            memory.fill(left);
            call(&server, &id).await;
        }
        memory.empty();
        await_whole(&server, &id).await;
        failed += load.stop().await;
    }
    assert!(failed > 0, "memory was never short");
}
