//! Processes that a worker must not reach. The layers that stop it: the PID namespace, an init that cannot be
//! inspected, ids of its own, no capabilities.

use workers_domain::ResourceLimits;

use super::super::support::{TestEngine, finish, host_processes_with, start, unique};

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_processes_cannot_be_seen_or_killed() {
    let engine = TestEngine::isolated().await;
    let script = format!(
        "const pids = require('fs').readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)); console.log(pids.join());
         try {{ process.kill({}, 'SIGKILL'); console.log('killed') }} catch (error) {{ console.log(error.code) }}",
        std::process::id()
    );
    assert_eq!(engine.node(&script).await.output, "1,2\nESRCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_init_survives_and_cannot_be_looked_into() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); process.kill(1, 'SIGKILL'); process.kill(1, 'SIGTERM');
        for (const name of ['mem', 'maps', 'environ', 'fd', 'root', 'cwd', 'ns/mnt'])
        try { const path = '/proc/1/' + name; fs.statSync(path).isDirectory() ? fs.readdirSync(path) : fs.readlinkSync(path);
            console.log('read', name) } catch (error) { console.log(error.code) }
        for (const name of ['mem', 'maps', 'environ'])
        try { fs.readFileSync('/proc/1/' + name); console.log('read', name) } catch (error) { console.log(error.code) }";
    let output = engine.node(script).await.output;
    assert!(output.lines().count() == 10 && !output.contains("read"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_hosts_environment_is_there() {
    let engine = TestEngine::isolated().await;
    let output = engine.node("console.log(Object.keys(process.env).sort().join())").await.output;
    assert_eq!(output, "HOME,LANG,PATH");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptor_of_the_host_is_open() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); for (const name of fs.readdirSync('/proc/self/fd'))
        try { console.log(fs.readlinkSync('/proc/self/fd/' + name).replace(/[0-9]+/g, '')) } catch {}";
    let output = engine.node(script).await.output;
    let known = ["pipe:[]", "/dev/null", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/proc//fd"];
    assert!(output.lines().all(|line| known.contains(&line)), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_can_become_no_other_user() {
    let engine = TestEngine::isolated().await;
    let script = "for (const id of [0, 1001, 65534]) for (const become of ['setuid', 'setgid', 'seteuid'])
        try { process[become](id); console.log('became', id) } catch (error) { console.log(error.code) }
        try { process.setgroups([0]); console.log('joined') } catch (error) { console.log(error.code) }
        console.log(/CapBnd:\\s*0+\\n/.test(require('fs').readFileSync('/proc/self/status', 'utf8')))";
    let output = engine.node(script).await.output;
    assert!(output.lines().count() == 11 && output.ends_with("true"), "{output}");
    assert!(!output.contains("became") && !output.contains("joined"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_does_not_outlive_its_sandbox() {
    let engine = TestEngine::isolated().await;
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let marker = unique();
    let script = format!(
        "const {{ spawn }} = require('child_process'); const options = {{ detached: true, stdio: ['ignore', 'pipe', 'ignore'] }};
         const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {{}}, 1000)', '{marker}'], options);
         child.stdout.once('data', () => {{ console.log('up'); setInterval(() => {{}}, 1000) }})"
    );
    let mut command = start(&*sandbox, &script).await;
    command.next_event().await.unwrap();
    assert_eq!(host_processes_with(&marker), 2, "the command, which has the marker in its script, and the daemon");
    sandbox.stop().await.unwrap();
    assert_eq!(host_processes_with(&marker), 0);
}

/// Stopped by: the user namespace's own ids.
#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_do_not_share_a_user_id_when_the_engine_is_root() {
    workers_testing::skip_unless_root("only root gives each sandbox a user id of its own");
    let engine = TestEngine::isolated().await;
    assert!(engine.engine.has_own_user_ids());
    let map = "console.log(require('fs').readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\\s+/)[1]);
        setInterval(() => {}, 1000)";
    let (first, second) =
        tokio::join!(engine.sandbox(ResourceLimits::default()), engine.sandbox(ResourceLimits::default()));
    let (mut one, mut two) = (start(&*first, map).await, start(&*second, map).await);
    let (one_id, two_id) = (one.next_event().await.unwrap(), two.next_event().await.unwrap());
    assert_ne!(one_id, two_id);
    for sandbox in [first, second] {
        sandbox.stop().await.unwrap();
    }
    finish(&mut *one).await;
    finish(&mut *two).await;
}
