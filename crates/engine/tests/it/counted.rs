//! Resources that the kernel counts for each user, or for the creator of a user namespace: every sandbox has counters
//! of its own.

use std::process::Command;

use workers_domain::ResourceLimits;
use workers_testing::skip_unless_root;

use crate::support::{TestEngine, finish, start, unique};

/// Returns the ids of the host's processes that have this text in their command line.
pub(crate) fn processes_with(marker: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has_marker = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(marker))
    };
    pids.filter(has_marker).collect()
}

/// Returns the words behind `line` in a file of `/proc` about a process.
fn words(pid: u32, file: &str, line: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let rest = text.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    rest.split_whitespace().map(str::to_owned).collect()
}

/// Returns the user that created the user namespace of a process (`NS_GET_OWNER_UID`).
pub(crate) fn creator_of(pid: u32) -> String {
    let script = "open(my $file, '<', $ARGV[0]) or die; my $id = pack('L', 0); ioctl($file, 0xb704, $id) or die;
        print unpack('L', $id)";
    let ran = Command::new("perl").args(["-e", script, &format!("/proc/{pid}/ns/user")]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_namespace_of_a_sandbox_was_created_by_its_own_user() {
    skip_unless_root("without root all sandboxes share the server's user");
    let engine = TestEngine::isolated().await;
    let mut owners = Vec::new();
    let mut sandboxes = Vec::new();
    for _ in 0..2 {
        let marker = unique();
        let sandbox = engine.sandbox(ResourceLimits::default()).await;
        let script = format!("console.log('up'); setInterval(() => {{}}, 1000) // {marker}");
        let mut command = start(&*sandbox, &script).await;
        command.next_event().await.unwrap();
        let [pid] = processes_with(&marker)[..] else { panic!("one process") };
        // The real, effective, saved and file system ids.
        let ids = words(pid, "status", "Uid:");
        assert!(ids.iter().all(|id| *id == ids[0] && id != "0"), "{ids:?}");
        assert_eq!(words(pid, "status", "Gid:"), ids);
        assert_eq!(creator_of(pid), ids[0]);
        owners.push(ids[0].clone());
        sandboxes.push((sandbox, command));
    }
    assert_ne!(owners[0], owners[1]);
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_of_a_sandbox_may_use_up_is_limited() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); const limits = fs.readFileSync('/proc/self/limits', 'utf8');
        for (const name of ['Max core file size', 'Max pending signals', 'Max msgqueue size', 'Max realtime priority', 'Max nice priority',
            'Max locked memory', 'Max open files']) console.log(limits.split('\\n').find((line) => line.startsWith(name)).slice(26).trim().split(/ +/).slice(0, 2).join(' '));
        for (const name of ['user_namespaces', 'inotify_instances', 'inotify_watches'])
            console.log(fs.readFileSync('/proc/sys/user/max_' + name, 'utf8').trim())";
    let expected = "1 1\n512 512\n0 0\n0 0\n0 0\n65536 65536\n4096 4096\n0\n16\n8192";
    assert_eq!(engine.node(script).await.output, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_sandbox_watches_are_limited() {
    let engine = TestEngine::isolated().await;
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let script =
        "const fs = require('fs'); let watched = 0; try { for (;; watched++) { fs.mkdirSync('/tmp/' + watched);
        fs.watch('/tmp/' + watched) } } catch (error) { console.log(error.code, watched) } process.exit()";
    let ran = finish(&mut *start(&*sandbox, script).await).await;
    assert_eq!(ran.output, "ENOSPC 8192");
}

/// Returns the share of the processors of a process's group. `None` where the host does not share processors by group.
fn share(pid: u32) -> Option<String> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let (hierarchy, file) = match names {
            "" => ("", "cpu.weight"),
            names if names.split(',').any(|name| name == "cpu") => (names, "cpu.shares"),
            _ => return None,
        };
        let file = std::path::Path::new("/sys/fs/cgroup").join(hierarchy).join(path).join(file);
        std::fs::read_to_string(file).ok().map(|share| share.trim().to_owned())
    })
}

/// Waits until the process's group has one of these shares.
pub(crate) async fn has_share(pid: u32, expected: [&str; 2]) {
    while !share(pid).is_none_or(|share| expected.contains(&&*share)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_runs_for_long_makes_way_for_others() {
    let engine = TestEngine::isolated().await;
    let marker = unique();
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let child = format!("console.log('up'); setInterval(() => {{}}, 1000) // {marker}");
    let script = format!(
        "require('child_process').spawn(process.execPath, ['-e', \"{child}\"], {{ stdio: 'inherit' }}) // {marker}"
    );
    let mut command = start(&*sandbox, &script).await;
    command.next_event().await.unwrap();
    let pids = processes_with(&marker);
    assert_eq!(pids.len(), 2);
    for pid in pids {
        has_share(pid, ["128", "12"]).await;
    }
    command.kill().await.unwrap();
    finish(&mut *command).await;
    engine.engine.shutdown().await;
}
