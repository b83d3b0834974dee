//! Permitted calls with arguments that a worker must not pass. The layer that stops them: the rules of the system call
//! filter. A native program makes the attempts; `native.c` describes them.

use std::path::Path;

use workers_domain::ResourceLimits;
use workers_domain::ports::{SandboxFile, SandboxPath};
use workers_engine::Isolation;
use workers_testing::compile_native;

use super::super::support::{TestEngine, finish, start};

const EPERM: i32 = 1;
const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const ESPIPE: i32 = 29;
const ENOSYS: i32 = 38;
const ENOPROTOOPT: i32 = 92;
const EPROTONOSUPPORT: i32 = 93;
const EOPNOTSUPP: i32 = 95;

/// Attempts, and the error that stops each.
const ATTEMPTS: &[(&str, i32)] = &[
    ("clone_parent", EPERM),
    ("clone_without_signal", EPERM),
    ("clone_realtime_signal", EPERM),
    ("clone_untraced", EPERM),
    ("clone_io", EPERM),
    ("clone_process", 0),
    ("pair_of_vsock", EPERM),
    ("pair_of_datagrams_inet", EPERM),
    ("multipath_tcp", EPROTONOSUPPORT),
    ("udp_lite", EPROTONOSUPPORT),
    ("raw_local", EPERM),
    ("routing_header", ENOPROTOOPT),
    ("hop_options", ENOPROTOOPT),
    ("flow_label", ENOPROTOOPT),
    ("ip_options", ENOPROTOOPT),
    ("low_ttl", ENOPROTOOPT),
    ("bind_to_device", ENOPROTOOPT),
    ("bind_to_index", ENOPROTOOPT),
    ("attach_filter", ENOPROTOOPT),
    ("attach_to_port", ENOPROTOOPT),
    ("timestamps", ENOPROTOOPT),
    ("congestion", ENOPROTOOPT),
    ("device_of_socket", ENOPROTOOPT),
    ("queue_of_socket", ENOPROTOOPT),
    ("cookie_of_socket", ENOPROTOOPT),
    ("cookie_of_network", ENOPROTOOPT),
    ("process_of_peer", ENOPROTOOPT),
    ("join_group", ENOPROTOOPT),
    ("send_fast_open", EOPNOTSUPP),
    ("send_urgent", EOPNOTSUPP),
    ("report_of_router", EAGAIN),
    ("index_of_interface", ENOTTY),
    ("flags_of_interface", ENOTTY),
    ("flags_of_file", ENOTTY),
    ("watch_directory", EINVAL),
    ("lease", EINVAL),
    ("size_of_pipe", EINVAL),
    ("owner_of_signals", EINVAL),
    ("notification_pipe", EINVAL),
    ("huge_pages", ENOMEM),
    ("huge_file", EINVAL),
    ("merge_pages", EINVAL),
    ("push_pages_out", EINVAL),
    ("pages_in_memory", ENOSYS),
    ("read_what_is_in_memory", EOPNOTSUPP),
    ("flush_file", 0),
    ("flush_data", 0),
    ("flush_range", 0),
    ("flush_mapping", 0),
    ("name_memory", EINVAL),
    ("splice_socket", EINVAL),
    ("tee_pipe", EINVAL),
    ("send_socket", EINVAL),
    // The kernel itself refuses this one. The policy relies on that.
    ("send_socket_from_position", ESPIPE),
    ("send_file", 0),
    ("adopt_orphans", EINVAL),
    ("size_of_memory_map", EINVAL),
    ("run_when_idle", EPERM),
    ("global_barrier", EINVAL),
    ("limits_of_init", EPERM),
    ("core_dumps", 0),
    ("filter_by_prctl", EINVAL),
    ("filter_by_call", EINVAL),
];

/// Attempts that end in the same way without isolation (on some kernels), and attempts that would change the host.
const THE_SAME: &[&str] = &[
    "clone_parent",
    "clone_process",
    "udp_lite",
    "flags_of_interface",
    "send_socket_from_position",
    "send_file",
    "limits_of_init",
    // A kernel need not support names of memory.
    "name_memory",
];

fn compiled() -> Vec<u8> {
    compile_native(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape/native.c"))
}

/// Returns the error number of each attempt except those left out.
async fn attempt(engine: &TestEngine, left_out: &[&str]) -> Vec<(String, i32)> {
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let file = SandboxFile { path: SandboxPath::parse("native").unwrap(), contents: compiled() };
    sandbox.write_files(vec![file]).await.unwrap();
    let script = format!(
        "const {{ chmodSync, copyFileSync }} = require('fs'), {{ spawnSync }} = require('child_process');
         copyFileSync('native', 'run'); chmodSync('run', 0o755);
         const ran = spawnSync('./run', {left_out:?}); console.log(String(ran.stdout), ran.signal ?? '')"
    );
    let ran = finish(&mut *start(&*sandbox, &script).await).await;
    sandbox.stop().await.unwrap();
    let line = |line: &str| line.split_once(' ').map(|(name, errno)| (name.to_owned(), errno.parse().unwrap_or(-1)));
    ran.output.lines().filter_map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_reach_beyond_the_sandbox_are_refused() {
    let found = attempt(&TestEngine::isolated().await, &[]).await;
    let expected: Vec<_> = ATTEMPTS.iter().map(|(name, errno)| ((*name).to_owned(), *errno)).collect();
    assert_eq!(found, expected);
}

/// Without isolation none of them ends that way, which shows that the test above can fail.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_arguments_end_otherwise_without_isolation() {
    let found = attempt(&TestEngine::start(Isolation::None).await, THE_SAME).await;
    assert_eq!(found.len(), ATTEMPTS.len() - THE_SAME.len(), "{found:?}");
    for (name, errno) in &found {
        assert!(!ATTEMPTS.contains(&(name.as_str(), *errno)), "{name} {errno}");
    }
}
