//! System calls that a worker must not make. The layer that stops them: the system call filter.

use workers_domain::ResourceLimits;
use workers_domain::ports::{SandboxFile, SandboxPath};
use workers_engine::Isolation;
use workers_engine_sys::syscall_number;

use super::super::support::{TestEngine, finish, start};
use crate::elf::{Argument, Argument::Number, Argument::Text, program};

const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;
const NEW_USER: u64 = 0x1000_0000;

/// Name, arguments, and the error that stops the call.
const CALLS: &[(&str, [Argument; 2], i32)] = &[
    ("unshare", [Number(NEW_USER), Number(0)], EPERM),
    ("clone", [Number(NEW_USER | 0x11), Number(0)], EPERM),
    ("clone3", [Number(0), Number(0)], ENOSYS),
    ("setns", [Number(0), Number(0)], EPERM),
    ("mount", [Number(0), Text(b"/tmp")], EPERM),
    ("umount2", [Text(b"/proc"), Number(2)], EPERM),
    ("pivot_root", [Text(b"/tmp"), Text(b"/tmp")], EPERM),
    ("chroot", [Text(b"/tmp"), Number(0)], EPERM),
    ("fsopen", [Text(b"tmpfs"), Number(0)], EPERM),
    ("open_tree", [Number(0), Text(b"/")], EPERM),
    ("ptrace", [Number(0), Number(0)], EPERM),
    ("process_vm_readv", [Number(1), Number(0)], EPERM),
    ("bpf", [Number(0), Number(0)], EPERM),
    ("perf_event_open", [Number(0), Number(0)], EPERM),
    ("userfaultfd", [Number(1), Number(0)], EPERM),
    ("io_uring_setup", [Number(8), Number(0)], EPERM),
    ("keyctl", [Number(0), Number(0)], EPERM),
    ("add_key", [Text(b"user"), Text(b"name")], EPERM),
    ("open_by_handle_at", [Number(0), Number(0)], EPERM),
    ("fanotify_init", [Number(0), Number(0)], EPERM),
    ("init_module", [Number(0), Number(0)], EPERM),
    ("kexec_load", [Number(0), Number(0)], EPERM),
    ("syslog", [Number(10), Number(0)], EPERM),
    ("shmget", [Number(0), Number(4096)], EPERM),
    ("mq_open", [Text(b"/queue"), Number(0o102)], EPERM),
    ("personality", [Number(0x0004_0000), Number(0)], EPERM),
    ("sethostname", [Text(b"name"), Number(4)], EPERM),
    // Packet and vsock sockets.
    ("socket", [Number(17), Number(3)], EPERM),
    ("socket", [Number(40), Number(1)], EPERM),
    // Raw sockets, which missing capabilities would stop as well.
    ("socket", [Number(2), Number(3)], EPERM),
];

/// Calls of the list that change nothing but the process that makes them. Only these may be tried without isolation,
/// where they run on the host.
const HARMLESS: [(&str, [Argument; 2], i32); 4] = [
    ("unshare", [Number(NEW_USER), Number(0)], 0),
    ("ptrace", [Number(0), Number(0)], 0),
    ("personality", [Number(0x0004_0000), Number(0)], 0),
    ("clone3", [Number(0), Number(0)], EINVAL),
];

/// Tries every call. Returns the error numbers in the same order.
async fn attempt(engine: &TestEngine, calls: &[(&str, [Argument; 2], i32)]) -> Vec<i32> {
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let file = |(index, (call, arguments, _)): (usize, &(&str, [Argument; 2], i32))| {
        let [first, second] = *arguments;
        // The third argument of a raw socket is its protocol.
        let all = [first, second, Number(1), Number(0), Number(0), Number(0)];
        let contents = program(&[(syscall_number(call).unwrap(), all)]);
        SandboxFile { path: SandboxPath::parse(format!("call{index}")).unwrap(), contents }
    };
    sandbox.write_files(calls.iter().enumerate().map(file).collect()).await.unwrap();
    let script = format!(
        "const {{ chmodSync, copyFileSync, unlinkSync }} = require('fs'), {{ spawnSync }} = require('child_process');
         for (let i = 0; i < {}; i++) {{ copyFileSync('call' + i, '/tmp/call'); chmodSync('/tmp/call', 0o755);
         console.log(spawnSync('/tmp/call').status); unlinkSync('/tmp/call') }}",
        calls.len()
    );
    let ran = finish(&mut *start(&*sandbox, &script).await).await;
    sandbox.stop().await.unwrap();
    assert_eq!(ran.exit.killed, None, "{ran:?}");
    ran.output.lines().map(|line| line.parse().unwrap_or(-1)).collect()
}

async fn expect(engine: &TestEngine, calls: &[(&str, [Argument; 2], i32)]) {
    let found = attempt(engine, calls).await;
    assert_eq!(found.len(), calls.len(), "{found:?}");
    for ((call, arguments, expected), errno) in calls.iter().zip(found) {
        assert_eq!(errno, *expected, "{call} {arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_could_break_the_isolation_are_refused() {
    expect(&TestEngine::isolated().await, CALLS).await;
}

/// Without isolation the same programs succeed, which shows that the test above can fail.
#[tokio::test(flavor = "multi_thread")]
async fn harmless_ones_of_these_calls_succeed_without_isolation() {
    expect(&TestEngine::start(Isolation::None).await, &HARMLESS).await;
}
