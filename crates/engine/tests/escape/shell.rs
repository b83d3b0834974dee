//! What a worker must not do through the shell. The same layers stop it as for any other program that a worker brings
//! along: the shell is one more program behind them.

use workers_domain::ResourceLimits;
use workers_domain::ports::KillReason;

use super::super::support::{TestEngine, finish, host_processes_with, start, unique};

/// Stopped by: layers that every executed program inherits.
#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_no_more_rights_and_no_more_descriptors_than_node() {
    let engine = TestEngine::isolated().await;
    let script = r#"const fs = require('fs'), { execSync } = require('child_process');
        const known = /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp|Seccomp_filters):/;
        const own = fs.readFileSync('/proc/self/status', 'utf8').split('\n').filter((line) => known.test(line));
        const sh = (command) => execSync(command, { encoding: 'utf8' }).trim();
        const copy = sh('while read -r line; do echo "$line"; done < /proc/self/status');
        const of = copy.split('\n').filter((line) => known.test(line));
        const plain = (lines) => lines.map((line) => line.trim().split(/\s+/).join(' ')).join();
        console.log(own.length >= 10, plain(own) === plain(of),
            /NoNewPrivs: 1/.test(plain(of)), /Seccomp: 2/.test(plain(of)));
        console.log(sh('for file in /proc/self/fd/*; do [ ! -e $file ] || echo ${file##*/}; done').split('\n').join());
        console.log(sh('for name in mnt pid net user ipc uts cgroup; do ' +
            '[ /proc/self/ns/$name -ef /proc/$PPID/ns/$name ] || echo $name; done'))"#;
    assert_eq!(engine.node(script).await.output, "true true true true\n0,1,2");
}

/// Stopped by: the read-only root, and the init, which no signal from its sandbox reaches.
#[tokio::test(flavor = "multi_thread")]
async fn a_shell_writes_and_kills_nothing_that_node_could_not() {
    let engine = TestEngine::isolated().await;
    let script = r"const { spawnSync } = require('child_process');
        const paths = '/x /bin/x /bin/sh /usr/bin/sh /usr/bin/node /etc/passwd /dev/x /proc/sysrq-trigger ' +
            '/proc/sys/kernel/core_pattern';
        const tries = `for path in ${paths}; do (: > $path) && echo wrote $path; done
            kill -9 1 && [ -d /proc/1 ] && echo init is there`;
        const { stdout, stderr } = spawnSync(tries, { shell: true, encoding: 'utf8' });
        console.log(stdout.trim(), stderr.trim().split('\n').length)";
    assert_eq!(engine.node(script).await.output, "init is there 9");
}

/// Stopped by: the pids cgroup.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_of_a_shell_is_held_and_ends_with_its_sandbox() {
    let engine = TestEngine::isolated().await;
    let (marker, processes) = (unique(), 32);
    let sandbox = engine.sandbox(ResourceLimits { processes, ..ResourceLimits::default() }).await;
    let script = format!(
        "const child = require('child_process').exec('bomb() {{ bomb | bomb & }}; bomb # {marker}', () => {{}});
         child.stderr.once('data', () => console.log('no more processes')); setInterval(() => {{}}, 1000)"
    );
    let mut command = start(&*sandbox, &script).await;
    command.next_event().await.unwrap();
    for _ in 0..10 {
        assert!(host_processes_with(&marker) <= processes as usize);
    }
    sandbox.stop().await.unwrap();
    assert_eq!(host_processes_with(&marker), 0);
}

/// Stopped by: the engine kills the whole sandbox, not just the process that the kernel picks.
#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_takes_too_much_memory_takes_its_sandbox_along() {
    let engine = TestEngine::isolated().await;
    let limits = ResourceLimits { memory_bytes: 128 << 20, ..ResourceLimits::default() };
    let script = "require('child_process').exec('x=more; while :; do x=$x$x; done'); setInterval(() => {}, 1000)";
    assert_eq!(engine.node_with(script, limits).await.exit.killed, Some(KillReason::OutOfMemory));
}

/// Stopped by: the PID namespace, whose processes end with its init.
#[tokio::test(flavor = "multi_thread")]
async fn a_shell_does_not_outlive_its_sandbox_whether_its_command_has_ended_or_not() {
    let engine = TestEngine::isolated().await;
    for last in ["setInterval(() => {}, 1000)", "process.exit()"] {
        let sandbox = engine.sandbox(ResourceLimits::default()).await;
        let marker = unique();
        // The shell stops itself, so it would never exit without being killed.
        let script = format!(
            "const options = {{ shell: true, detached: true, stdio: ['ignore', 'pipe', 'ignore'] }};
             require('child_process').spawn('echo up; kill -STOP $$; echo {marker}', options)
                 .stdout.once('data', () => {{ console.log('up'); {last} }})"
        );
        let mut command = start(&*sandbox, &script).await;
        if last.starts_with("process") {
            assert_eq!(finish(&mut *command).await.output, "up");
        } else {
            command.next_event().await.unwrap();
            assert_eq!(
                host_processes_with(&marker),
                2,
                "the command, which has the marker in its script, and the shell"
            );
        }
        sandbox.stop().await.unwrap();
        assert_eq!(host_processes_with(&marker), 0);
    }
}
