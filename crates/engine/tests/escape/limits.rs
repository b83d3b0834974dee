//! Resources that a worker must not use up. The layers that stop it: the cgroup, the size of the writable file system,
//! resource limits.

use std::time::Duration;

use workers_domain::ResourceLimits;
use workers_domain::ports::KillReason;

use super::super::support::TestEngine;

/// Stopped by: the pids cgroup.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_held() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { processes: 32, ..ResourceLimits::default() };
    let script = "const { spawn } = require('child_process'); let started = 0; (function more() {
        const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
        child.on('error', (error) => { console.log(error.code, started < 32); process.exit() });
        child.on('exit', (code, signal) => { console.log('EAGAIN', started < 32); process.exit() });
        child.on('spawn', () => { started++; more() }) })()";
    assert_eq!(engine.node_with(script, limits).await.output, "EAGAIN true");
}

/// Stopped by: the memory cgroup, which also counts files in memory.
#[tokio::test(flavor = "multi_thread")]
async fn memory_in_files_counts() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { memory_bytes: 96 << 20, disk_bytes: 1 << 30, ..ResourceLimits::default() };
    let script = "const fs = require('fs'); const chunk = Buffer.alloc(1 << 20, 1);
        const file = fs.openSync('/tmp/file', 'w'); for (;;) fs.writeSync(file, chunk)";
    assert_eq!(engine.node_with(script, limits).await.exit.killed, Some(KillReason::OutOfMemory));
}

/// Stopped by: the engine kills the whole sandbox, not just the process that the kernel picks.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_takes_too_much_memory_takes_its_sandbox_along() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { memory_bytes: 128 << 20, ..ResourceLimits::default() };
    let script = "require('child_process').spawn(process.execPath,
        ['-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))']); setInterval(() => {}, 1000)";
    let ran = engine.node_with(script, limits).await;
    assert_eq!(ran.exit.killed, Some(KillReason::OutOfMemory));
    assert!(ran.exit.usage.max_memory_bytes.unwrap() <= limits.memory_bytes, "{:?}", ran.exit.usage);
}

/// Stopped by: the size of the only writable file system.
#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_not_filled() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { disk_bytes: 8 << 20, ..ResourceLimits::default() };
    let script = "const fs = require('fs'); const chunk = Buffer.alloc(1 << 20); let written = 0;
        try { for (const path of ['/tmp/a', '/work/b']) { const file = fs.openSync(path, 'w');
            try { for (;;) written += fs.writeSync(file, chunk) } catch (error) { console.log(error.code) } } }
        catch (error) { console.log(error.code) } console.log(written <= 8 << 20)";
    assert_eq!(engine.node_with(script, limits).await.output, "ENOSPC\nENOSPC\ntrue");
}

/// Stopped by: the number of inodes of that file system.
#[tokio::test(flavor = "multi_thread")]
async fn empty_files_are_not_without_number() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { disk_bytes: 8 << 20, ..ResourceLimits::default() };
    let script = "const fs = require('fs'); let made = 0; try { for (;;) fs.writeFileSync('/tmp/' + made++, '') }
        catch (error) { console.log(error.code, made < 10000) }";
    assert_eq!(engine.node_with(script, limits).await.output, "ENOSPC true");
}

/// Stopped by: a resource limit.
#[tokio::test(flavor = "multi_thread")]
async fn open_files_are_not_without_number() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); let open = 0; try { for (;;) { fs.openSync('/dev/null'); open++ } }
        catch (error) { console.log(error.code, open < 4096) }";
    assert_eq!(engine.node(script).await.output, "EMFILE true");
}

/// Stopped by: the deadline, which kills the first process of the PID namespace.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ignores_every_signal_is_killed_at_its_deadline() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { wall_clock: Duration::from_millis(500), ..ResourceLimits::default() };
    let script = "for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {}); for (;;) {}";
    assert_eq!(engine.node_with(script, limits).await.exit.killed, Some(KillReason::Timeout));
}
