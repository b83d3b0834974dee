//! Tests who may enter, read and change the files that an engine makes, whatever the umask is.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as HostCommand, Stdio};

use workers_domain::ports::{
    CommandSpec, ContainerProvider as _, ExitStatus, Sandbox, SandboxFile, SandboxPath, SandboxProvider as _,
    SandboxSource, SandboxSpec,
};
use workers_domain::{NetworkPolicy, ResourceLimits};
use workers_engine::{ContainerEngine, Engine, Isolation, Templates};

use crate::containers::support as containers;
use crate::support::{TestEngine, finish, options};

const DIRECTORY: &str = "WORKERS_TEST_MODES_DIRECTORY";

/// Returns whether a path is for sandboxes, which read it as users of their own. All of these lie below a directory
/// that no other user may enter.
fn is_for_sandboxes(path: &Path) -> bool {
    let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
    match names.as_slice() {
        // The last pattern is for containers.
        ["runtime", ..]
        | ["node", "node"]
        | ["system", "base" | "places" | "stage", ..]
        | ["snapshots", "contents", _, _, ..]
        | ["snapshots", "trash", _, ..]
        | ["sandboxes", _, "files", ..]
        | ["snapshots", _, "root" | "usr", ..] => true,
        _ => false,
    }
}

/// Collects everything below a directory whose mode is not the expected one.
fn loose(directory: &Path, below: &Path, found: &mut Vec<String>) {
    let path = directory.join(below);
    let status = fs::symlink_metadata(&path).unwrap();
    let mode = status.mode() & 0o7777;
    if is_for_sandboxes(below) {
        return;
    }
    let kind = status.file_type();
    let expected = if kind.is_dir() { 0o700 } else { 0o600 };
    assert!(kind.is_dir() || kind.is_file() || kind.is_socket(), "{}", path.display());
    if mode != expected {
        found.push(format!("{} {mode:o}", path.display()));
    }
    if kind.is_dir() {
        for item in fs::read_dir(&path).unwrap() {
            loose(directory, &below.join(item.unwrap().file_name()), found);
        }
    }
}

fn all_that_is_loose(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    loose(directory, Path::new(""), &mut found);
    found
}

/// Runs one of the ignored tests below as a program of its own, because a umask applies to the whole process.
fn under_umask(umask: &str, test: &str) {
    let directory = tempfile::tempdir().unwrap();
    let status = HostCommand::new("sh")
        .args(["-c", "umask $0 && exec \"$@\"", umask])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .status()
        .unwrap();
    assert!(status.success(), "under {umask}");
}

#[test]
fn all_that_an_engine_makes_is_closed_to_others_and_works_whatever_the_umask_is() {
    for umask in ["000", "022", "077"] {
        under_umask(umask, "modes::an_engine");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program for the test above, not a test"]
async fn an_engine() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = PathBuf::from(directory).join("on the way/data");
    let mut own = options(&directory, Isolation::Full);
    (own.templates, own.copy_node) = (Templates::Shared, true);
    let engine = Engine::start(own).await.unwrap();
    assert!(engine.has_templates().await);
    let sandbox = |source| async {
        let (limits, network) = (ResourceLimits::default(), NetworkPolicy::DenyAll);
        engine.create(SandboxSpec { source, limits, network, kept_for: None }).await.unwrap()
    };
    let first = sandbox(SandboxSource::Empty).await;
    let script = "const fs = require('fs'); fs.writeFileSync('made', 'made'); fs.mkdirSync('/tmp/directory');
        const mode = (path) => (fs.statSync(path).mode & 0o777).toString(8);
        console.log(['.', 'main.cjs', 'deep', 'made', '/tmp/directory', '/usr/bin/node', '/etc/passwd'].map(mode).join(' '),
            fs.readdirSync('/').length > 5)";
    let main = SandboxFile { path: SandboxPath::parse("main.cjs").unwrap(), contents: script.into() };
    let deep = SandboxFile { path: SandboxPath::parse("deep/file").unwrap(), contents: b"deep".to_vec() };
    first.write_files(vec![main, deep]).await.unwrap();
    let frozen = first.snapshot(None).await.unwrap();
    let second = sandbox(SandboxSource::Snapshot(frozen.id)).await;
    assert_eq!(run(&*second, &["main.cjs"]).await, "755 666 777 644 755 755 444 true");
    assert_eq!(run(&*second, &["-e", "console.log(require('fs').readFileSync('deep/file', 'utf8'))"]).await, "deep");
    let again = second.snapshot(None).await.unwrap();
    let third = sandbox(SandboxSource::Snapshot(again.id)).await;
    assert_eq!(run(&*third, &["-p", "require('fs').readFileSync('made', 'utf8')"]).await, "made");
    assert_eq!(fs::metadata(directory.parent().unwrap()).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(all_that_is_loose(&directory), Vec::<String>::new());
    engine.shutdown().await;
}

async fn run(sandbox: &dyn Sandbox, arguments: &[&str]) -> String {
    let args = arguments.iter().map(ToString::to_string).collect();
    let spec = CommandSpec::named("node", args);
    let ran = finish(&mut *sandbox.run(spec).await.unwrap()).await;
    assert_eq!(ran.exit.status, ExitStatus::Code(0), "{ran:?}");
    ran.output
}

#[test]
fn all_that_an_engine_of_containers_makes_is_closed_to_others_and_works_whatever_the_umask_is() {
    workers_testing::skip_unless_root("the test acts as several users");
    for umask in ["000", "022", "077"] {
        under_umask(umask, "modes::an_engine_of_containers");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program for the test above, not a test"]
async fn an_engine_of_containers() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = PathBuf::from(directory).join("data");
    let engine = ContainerEngine::start(containers::options(&directory)).await.unwrap();
    let container = engine.create(containers::spec(SandboxSource::Empty)).await.unwrap();
    let look = "stat -c %a / /etc /etc/passwd /etc/ld.so.cache /usr/local/bin /tmp /vercel; touch /tmp/made; stat -c %a /tmp/made";
    let modes = "755\n755\n644\n644\n755\n1777\n755\n644\n";
    assert_eq!(containers::sh(&*container, look).await, modes);
    containers::sh(&*container, "echo kept > /vercel/kept").await;
    let frozen = container.snapshot().await.unwrap();
    let container = engine.create(containers::spec(SandboxSource::Snapshot(frozen.id))).await.unwrap();
    assert_eq!(containers::sh(&*container, look).await, modes);
    assert_eq!(containers::sh(&*container, "cat /vercel/kept").await, "kept\n");
    assert_eq!(all_that_is_loose(&directory), Vec::<String>::new());
    container.stop().await.unwrap();
    engine.shutdown().await;
}

/// A process of another user that holds a lock until it is killed.
struct Stranger(Child);

impl Stranger {
    fn holding(path: &Path) -> Self {
        use std::io::Read as _;
        use std::os::unix::process::CommandExt as _;
        let script = "exec 9< \"$0\"; flock 9; echo held; read line";
        let mut command = HostCommand::new("sh");
        command.args(["-c", script]).arg(path).uid(12345).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
        Self(child)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_an_earlier_version_is_closed_and_a_holder_of_its_locks_stops_no_server() {
    workers_testing::skip_unless_root("the test acts as several users");
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(options(directory.path(), Isolation::None)).await.unwrap();
    engine.shutdown().await;
    drop(engine);
    // Earlier versions left these modes and this file.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(directory.path().join("cgroups.json"), "{}").unwrap();
    let names = ["engine.lock", "launcher.lock", "cgroups.json"];
    for name in names {
        fs::set_permissions(directory.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _strangers = ["engine.lock", "launcher.lock"].map(|name| Stranger::holding(&directory.path().join(name)));
    let engine = Engine::start(options(directory.path(), Isolation::None)).await.unwrap();
    let engine = TestEngine { engine, directory };
    assert_eq!(engine.node("console.log(1)").await.output, "1");
    assert_eq!(all_that_is_loose(engine.directory.path()), Vec::<String>::new());
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_user_put_into_the_directory_is_refused_with_its_path() {
    workers_testing::skip_unless_root("the test acts as several users");
    for name in ["", "cgroups.json", "snapshots", "system"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data").join(name);
        if name == "cgroups.json" {
            fs::create_dir(directory.path().join("data")).unwrap();
            fs::write(&path, "{}").unwrap();
        } else {
            fs::create_dir_all(&path).unwrap();
        }
        let path = path.canonicalize().unwrap();
        std::os::unix::fs::chown(&path, Some(12345), Some(12345)).unwrap();
        let started = Engine::start(options(&directory.path().join("data"), Isolation::None)).await;
        let error = started.unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("chown 0"), "{name}: {error}");
    }
}
