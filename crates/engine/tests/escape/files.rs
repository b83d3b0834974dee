//! Files that a worker must not reach. The layer that stops it: the mount namespace with its own, read-only root; for
//! `/proc`, a read-only mount with masks.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use workers_domain::ports::{
    CommandEvent, SandboxErrorKind, SandboxFile, SandboxPath, SandboxProvider, SandboxSource, SandboxSpec,
};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_testing::skip_unless_root;

use super::super::support::{TestEngine, finish, start};
use crate::support::content_of;

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_files_are_not_there() {
    let engine = TestEngine::isolated().await;
    let host = engine.directory.path().canonicalize().unwrap();
    let script = format!(
        "const fs = require('fs'); console.log(fs.readdirSync('/').join(), fs.existsSync('/etc/shadow'),
         fs.existsSync({:?}), fs.existsSync('/sys'), fs.existsSync('/dev/mem'), fs.readdirSync('/dev').join())",
        host.to_str().unwrap()
    );
    assert_eq!(
        engine.node(&script).await.output,
        "bin,dev,etc,lib,lib64,proc,tmp,usr,var,work false false false false \
         fd,full,null,random,stderr,stdin,stdout,urandom,zero"
    );
}

/// Locks and watchers belong to a file, so a sandbox with another file notices nothing of them. Stopped by: devices and
/// an overlay of the sandbox's own.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_one_that_another_sandbox_has() {
    skip_unless_root("without root all sandboxes have the host's devices");
    let engine = TestEngine::isolated().await;
    let paths = ["/dev/null", "/dev/urandom", "/usr/bin/node", "/etc/hosts", "/lib", "/work", "/tmp", "/proc"];
    let script = format!(
        "console.log({paths:?}.map((path) => {{ const {{ dev, ino }} = require('fs').statSync(path); return `${{path}} ${{dev}} ${{ino}}` }})
             .join('\\n'))"
    );
    // This sandbox stays alive, because the kernel reuses inode numbers of files that are gone.
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let mut running = start(&*sandbox, &format!("{script}; setInterval(() => {{}}, 1000)")).await;
    let Some(CommandEvent::Output { bytes, .. }) = running.next_event().await.unwrap() else { panic!("no output") };
    let (one, other) = (String::from_utf8(bytes).unwrap(), engine.node(&script).await.output);
    let host = paths.map(|path| {
        let status = fs::metadata(path).ok();
        status.map(|status| format!("{path} {} {}", status.dev(), status.ino()))
    });
    assert_eq!(one.lines().count(), paths.len(), "{one}");
    for line in one.lines() {
        assert!(other.lines().all(|of_other| of_other != line), "{line}");
        assert!(host.iter().flatten().all(|of_host| of_host != line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_tmp_and_work_can_be_written() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); for (const path of ['/x', '/usr/bin/node', '/etc/passwd', '/var/empty/x', '/dev/x',
        '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/self/oom_score_adj', '/proc/sysrq-trigger'])
        try { fs.writeFileSync(path, '1'); console.log('wrote', path) } catch (error) { console.log(error.code) }";
    let output = engine.node(script).await.output;
    assert_eq!(output.lines().count(), 9);
    assert!(output.lines().all(|line| ["EROFS", "EACCES", "EPERM", "ENOENT"].contains(&line)), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proc_tells_of_the_kernel_is_masked() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); for (const name of ['kcore', 'keys', 'kallsyms', 'cmdline', 'timer_list', 'modules'])
        try { console.log(fs.readFileSync('/proc/' + name).length) } catch (error) { console.log(error.code) }
        console.log(fs.readdirSync('/proc/fs').length + fs.readdirSync('/proc/irq').length)";
    let output = engine.node(script).await.output;
    assert!(output.lines().all(|line| ["0", "ENOENT", "EACCES", "EPERM"].contains(&line)), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cgroup_can_be_seen_or_changed() {
    let engine = TestEngine::isolated().await;
    let script = "const fs = require('fs'); const own = fs.readFileSync('/proc/self/cgroup', 'utf8');
        console.log(fs.existsSync('/sys/fs/cgroup'), own.includes('workers-'))";
    assert_eq!(engine.node(script).await.output, "false false");
}

/// Stopped by: the sandbox's own init writes files, and it follows no links.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_out_does_not_lead_the_engine_out() {
    let engine = TestEngine::isolated().await;
    let outside = tempfile::tempdir().unwrap();
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let target = outside.path().to_str().unwrap();
    let script = format!(
        "const fs = require('fs'); fs.symlinkSync({target:?}, 'out'); fs.symlinkSync('/etc/passwd', 'passwd');
         fs.linkSync('passwd', 'again'); fs.mkdirSync('a'); fs.symlinkSync('../../..', 'a/up')"
    );
    finish(&mut *start(&*sandbox, &script).await).await;
    let file = |path: &str| SandboxFile { path: SandboxPath::parse(path).unwrap(), contents: b"evil".to_vec() };
    for path in ["out/file", "a/up/file"] {
        let error = sandbox.write_files(vec![file(path)]).await.unwrap_err();
        assert_eq!(error.kind, SandboxErrorKind::Failed);
    }
    // A link as the last component is replaced, not followed.
    sandbox.write_files(vec![file("passwd")]).await.unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // A snapshot keeps links as links and copies nothing that they refer to.
    let snapshot = sandbox.snapshot(None).await.unwrap();
    assert_eq!(snapshot.size_bytes, 4);
    let spec = SandboxSpec {
        source: SandboxSource::Snapshot(snapshot.id),
        limits: ResourceLimits::default(),
        network: NetworkPolicy::default(),
        kept_for: None,
    };
    let second = engine.engine.create(spec).await.unwrap();
    let read = "console.log(require('fs').readlinkSync('out'), require('fs').existsSync('out'))";
    assert_eq!(finish(&mut *start(&*second, read).await).await.output, format!("{target} false"));
    second.stop().await.unwrap();
}

/// Stopped by: the overlay. The kernel never writes its lower layer.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshots_files_on_the_host_stay_as_they_are() {
    let engine = TestEngine::isolated().await;
    let sandbox = engine.sandbox(ResourceLimits::default()).await;
    let path = SandboxPath::parse("worker.mjs").unwrap();
    sandbox.write_files(vec![SandboxFile { path, contents: b"original".to_vec() }]).await.unwrap();
    let snapshot = sandbox.snapshot(None).await.unwrap();
    let spec = SandboxSpec {
        source: SandboxSource::Snapshot(snapshot.id),
        limits: ResourceLimits::default(),
        network: NetworkPolicy::default(),
        kept_for: None,
    };
    let second = engine.engine.create(spec).await.unwrap();
    let script = "const fs = require('fs'); const open = fs.openSync('worker.mjs', 'r+'); fs.writeSync(open, 'EVIL');
        fs.ftruncateSync(open, 4); fs.unlinkSync('worker.mjs'); fs.writeFileSync('worker.mjs', 'evil'); console.log('done')";
    assert_eq!(finish(&mut *start(&*second, script).await).await.output, "done");
    second.stop().await.unwrap();
    let content = content_of(engine.directory.path());
    assert_eq!(fs::read(content.join("worker.mjs")).unwrap(), b"original");
}
