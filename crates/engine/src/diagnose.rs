//! Checks what this host has and lacks, for the lines of `workersd doctor`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use workers_domain::NetworkPolicy;
use workers_domain::ports::{
    CommandEvent, Container, ContainerCommandSpec, ContainerProvider, ContainerSpec, ExitStatus, SandboxError,
    SandboxSource,
};

use crate::container::{ContainerEngine, ContainerOptions};
use crate::engine::Engine;
use crate::health;
use crate::options::{EngineOptions, Isolation, Templates};

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub status: FindingStatus,
    /// What was found.
    pub detail: String,
    /// What the operator can do about it.
    pub remedy: Option<String>,
}

/// The status of a checked thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingStatus {
    /// As it should be.
    Ok,
    /// Missing; sandboxes work without it, with less isolation or speed.
    Degraded,
    /// Missing; without it there are no sandboxes.
    Missing,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: FindingStatus::Ok, detail: detail.into(), remedy: None }
    }

    fn lack(name: &'static str, status: FindingStatus, detail: impl Into<String>, remedy: &str) -> Self {
        Self { name, status, detail: detail.into(), remedy: Some(remedy.to_owned()) }
    }
}

/// Checks the host, then makes a trial: starts an engine in a temporary directory below the data directory, and runs
/// node in a sandbox of it.
pub async fn diagnose(options: &EngineOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let isolated = options.isolation == Isolation::Full;
    if isolated {
        let parent = options.cgroup_parent.clone();
        let looked = tokio::task::spawn_blocking(move || host(parent.as_deref())).await;
        // Checks that panic add no finding; the others go on.
        findings.extend(looked.unwrap_or_default());
    } else {
        findings.push(Finding::lack(
            "isolation",
            FindingStatus::Degraded,
            "switched off: a worker can do whatever the user of this server can",
            "use the local sandbox, on a host that has the pieces above",
        ));
    }
    let of_data = options.clone();
    findings.extend(tokio::task::spawn_blocking(move || data_directory(&of_data)).await);
    match missing_node(&options.node) {
        Some(finding) => findings.push(finding),
        None => findings.extend(trial(options).await),
    }
    findings
}

/// Checks whether the data directory can be used, and whether a server that runs on it has lost a part of it. Changes
/// nothing.
fn data_directory(options: &EngineOptions) -> Finding {
    let (name, path) = ("data directory", options.data_dir.as_path());
    if !path.exists() {
        return Finding::ok(name, format!("{} is not there yet; `serve` makes it", path.display()));
    }
    if let Some(owner) = other_owner(path) {
        let own = rustix::process::geteuid().as_raw();
        let detail = format!(
            "{} belongs to user {owner}, and this is user {own}: a server of this user does not start",
            path.display()
        );
        let remedy =
            "run this as the user whose server it is, or give the directory and all in it to this user with chown -R";
        return Finding::lack(name, FindingStatus::Missing, detail, remedy);
    }
    if let Some(fault) = health::storage(path) {
        return Finding::lack(name, FindingStatus::Missing, fault.message, fault.part.advice());
    }
    if !is_in_use(path) {
        return Finding::ok(name, path.display().to_string());
    }
    let mut needed = vec!["snapshots", "sandboxes"];
    if options.isolation == Isolation::Full {
        needed.extend(["runtime/root/usr/bin/node", "runtime/nothing"]);
    }
    if options.copy_node {
        needed.push("node/node");
    }
    let is_missing = |below: &&str| !path.join(below).exists();
    let missing: Vec<_> = needed.into_iter().filter(is_missing).map(|below| path.join(below)).collect();
    if missing.is_empty() {
        return Finding::ok(name, format!("{}, with a server that runs on it", path.display()));
    }
    let listed = missing.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let detail = format!("the server that runs on it lacks {listed}");
    Finding::lack(
        name,
        FindingStatus::Missing,
        detail,
        "the server makes them again within seconds; if not, see its log",
    )
}

/// Returns whether a server's engine runs on a data directory. Changes nothing.
#[must_use]
pub fn is_in_use(path: &Path) -> bool {
    let Ok(lock) = fs::File::open(path.join("engine.lock")) else { return false };
    // Shared, so that two such checks at the same time do not take each other for a server. If we get the lock, it is
    // released as soon as the file is closed.
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
}

/// Returns the owner of a directory, if it is not our user.
fn other_owner(path: &Path) -> Option<u32> {
    let owner = fs::metadata(path).ok()?.uid();
    (owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

/// Returns the path of a directory for a trial: below the data directory, or beside the place where that will be. The
/// caller removes it.
fn trial_directory(data_dir: &Path) -> PathBuf {
    let name = format!("doctor-{}", std::process::id());
    let absolute = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let there = absolute.ancestors().find(|directory| directory.is_dir()).unwrap_or(Path::new("/"));
    if other_owner(there).is_some() {
        // We must leave nothing of ours in another user's directory, even after a failure.
        return std::env::temp_dir().join(format!("workers-{name}"));
    }
    there.join(if there == absolute { name } else { format!(".workers-{name}") })
}

/// Returns a finding if the node program is missing; then there is nothing to try.
fn missing_node(path: &Path) -> Option<Finding> {
    let is_program = fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    let detail = || format!("there is no program at {}", path.display());
    let remedy = "run `./just setup`, or name a Node.js of version 20 or later with --node";
    (!is_program).then(|| Finding::lack("node", FindingStatus::Missing, detail(), remedy))
}

fn host(cgroup_parent: Option<&Path>) -> Vec<Finding> {
    vec![kernel(), user_namespaces(), overlay(), seccomp(), cgroups(cgroup_parent)]
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn kernel() -> Finding {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if version >= (5, 14) {
        return Finding::ok("kernel", release);
    }
    let detail = format!("{release} does not tell sockets of one network from those of another");
    Finding::lack("kernel", FindingStatus::Missing, detail, "use Linux 5.14 or later")
}

fn user_namespaces() -> Finding {
    let name = "user namespaces";
    let is_root = rustix::process::geteuid().is_root();
    let lacks = |detail: &str, remedy: &str| Finding::lack(name, FindingStatus::Missing, detail, remedy);
    if !Path::new("/proc/self/ns/user").exists() {
        return lacks("the kernel is built without them", "use a kernel with CONFIG_USER_NS");
    }
    if read("/proc/sys/user/max_user_namespaces").as_deref() == Some("0") {
        return lacks("their number is limited to 0", "sysctl user.max_user_namespaces=10000");
    }
    if !is_root && read("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        return lacks("only root may make them", "sysctl kernel.unprivileged_userns_clone=1, or run as root");
    }
    if !is_root && read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        return lacks(
            "AppArmor lets only named programs make useful ones",
            "give the server an AppArmor profile with `userns,`, or run as root",
        );
    }
    Finding::ok(name, if is_root { "as root: a user id for every sandbox" } else { "without root" })
}

fn overlay() -> Finding {
    let known = read("/proc/filesystems").unwrap_or_default();
    if known.lines().any(|line| line.split_whitespace().last() == Some("overlay")) {
        return Finding::ok("overlay file system", "there");
    }
    let detail = "not there: the files of a snapshot are copied into every sandbox";
    Finding::lack("overlay file system", FindingStatus::Degraded, detail, "modprobe overlay")
}

fn seccomp() -> Finding {
    let actions = read("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    if ["kill_process", "errno", "user_notif", "allow"]
        .iter()
        .all(|wanted| actions.split(' ').any(|action| action == *wanted))
    {
        return Finding::ok("seccomp", "filters that refuse, kill and notify");
    }
    Finding::lack("seccomp", FindingStatus::Missing, "filters cannot notify", "use a kernel with CONFIG_SECCOMP_FILTER")
}

fn cgroups(parent: Option<&Path>) -> Finding {
    let name = "cgroups";
    // Not the name of a server's group, because the trial's group is removed again.
    let trial = format!("workers-doctor-{}", std::process::id());
    match crate::cgroup::discover::discover(parent, &trial) {
        Ok(plan) => {
            // The parents, because the directories themselves are only the trial's.
            let bases: Vec<_> = plan.bases().into_iter().filter_map(Path::parent).collect();
            let detail = bases.iter().map(|base| base.display().to_string()).collect::<Vec<_>>().join(", ");
            let counts_sockets = plan.counts_sockets();
            match plan.group("").remove() {
                Ok(()) if !counts_sockets => Finding::lack(
                    name,
                    FindingStatus::Degraded,
                    "the memory of sockets is not counted: one sandbox can use up what the host has for them",
                    "use version 2 of control groups, or a kernel that has memory.kmem.tcp.limit_in_bytes",
                ),
                Ok(()) => Finding::ok(name, detail),
                Err(error) => Finding::lack(name, FindingStatus::Degraded, error.to_string(), "remove it by hand"),
            }
        }
        Err(missing) => Finding::lack(
            name,
            FindingStatus::Missing,
            missing,
            "run as root, or as a service with Delegate=yes, or: systemd-run --user --scope -p Delegate=yes workersd …",
        ),
    }
}

/// Makes a container of an engine in a temporary directory below the data directory, and runs programs in it.
pub async fn diagnose_containers(options: &ContainerOptions) -> Vec<Finding> {
    let data_dir = trial_directory(&options.data_dir);
    let options = ContainerOptions { data_dir: data_dir.clone(), ..options.clone() };
    let findings = match ContainerEngine::start(options).await {
        Ok(engine) => {
            let found = try_container(&engine).await;
            engine.shutdown().await;
            found
        }
        Err(error) => Err(error),
    };
    let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(data_dir)).await;
    if !matches!(removed, Ok(Ok(()))) {
        tracing::warn!("the doctor's directory could not be removed");
    }
    findings.unwrap_or_else(|error| {
        let remedy = "see the pieces above; containers need root, and a system whose programs all lie below /usr";
        vec![Finding::lack("containers", FindingStatus::Missing, error.to_string(), remedy)]
    })
}

async fn try_container(engine: &ContainerEngine) -> Result<Vec<Finding>, SandboxError> {
    let spec = ContainerSpec {
        source: SandboxSource::Empty,
        memory_bytes: 256 << 20,
        processes: 64,
        disk_bytes: 16 << 20,
        network: NetworkPolicy::DenyAll,
    };
    let container = engine.create(spec).await?;
    let mut findings = vec![Finding::ok("containers", "one was made")];
    let tries = [
        ("sh", vec!["-c", "true"], "no shell", "use a system with a shell"),
        (
            "stat",
            vec!["-c", "%u", "/usr/bin"],
            "the system's files have no owner, so sudo and the like do not work",
            "keep /usr on a file system that can map owners (ext4, xfs, btrfs), on Linux 5.19 or later",
        ),
        ("sudo", vec!["-n", "true"], "no sudo: commands run as root only when the API is asked to", "install sudo"),
    ];
    for (program, args, detail, remedy) in tries {
        let args = args.into_iter().map(str::to_owned).collect();
        let spec = ContainerCommandSpec { program: program.to_owned(), args, ..ContainerCommandSpec::default() };
        let name = "container's system";
        if works(&*container, spec).await {
            continue;
        }
        findings.push(Finding::lack(name, FindingStatus::Degraded, detail, remedy));
    }
    container.stop().await?;
    Ok(findings)
}

/// Returns whether a program prints at most a 0 and exits with code 0.
async fn works(container: &dyn Container, spec: ContainerCommandSpec) -> bool {
    let Ok(mut command) = container.run(spec).await else { return false };
    let mut printed = Vec::new();
    while let Ok(Some(event)) = command.next_event().await {
        match event {
            CommandEvent::Output { bytes, .. } => printed.extend(bytes),
            CommandEvent::Exited(exit) => {
                return exit.status == ExitStatus::Code(0) && matches!(printed.trim_ascii(), b"" | b"0");
            }
        }
    }
    false
}

/// Reports whether node can be forked; `None` if that is not `wanted`.
fn templates(wanted: bool, there: bool) -> Option<Finding> {
    let name = "templates";
    let detail = "node cannot be forked: every command starts its own node, which takes tens of milliseconds longer";
    let remedy = "use Node.js 24 from nodejs.org, and keep libworkers_engine_template.so beside the server";
    wanted.then(|| {
        if there {
            Finding::ok(name, "node is booted once a worker and forked for each invocation")
        } else {
            Finding::lack(name, FindingStatus::Degraded, detail, remedy)
        }
    })
}

/// Starts an engine and runs node in a sandbox, which uses all layers together.
async fn trial(options: &EngineOptions) -> Vec<Finding> {
    let name = "sandbox";
    let data_dir = trial_directory(&options.data_dir);
    let wants_templates = options.isolation == Isolation::Full && options.templates != Templates::None;
    let options = EngineOptions { data_dir: data_dir.clone(), ..options.clone() };
    let started = Engine::start(options).await;
    let findings = match &started {
        Ok(engine) => {
            let ids = if engine.has_own_user_ids() { "each has a user id of its own" } else { "all share one user id" };
            let files = if engine.has_overlays() { "changes in an overlay" } else { "files are copied" };
            let shell = if engine.has_shell() { "with a shell" } else { "without a shell" };
            let version = engine.node_version().to_owned();
            let templates = templates(wants_templates, engine.has_templates().await);
            engine.shutdown().await;
            let detail = format!("node ran in one, {shell}; {ids}; {files}");
            let sandbox = if engine.has_own_user_ids() || !engine.is_isolated() {
                Finding::ok(name, detail)
            } else {
                let remedy = "run as root: then each has an id of its own, and shares no limit with others";
                Finding::lack(name, FindingStatus::Degraded, detail, remedy)
            };
            [Finding::ok("node", version), sandbox].into_iter().chain(templates).collect()
        }
        Err(error) => {
            let remedy = "see the pieces above; --sandbox local-unconfined runs without isolation, on loopback only";
            vec![Finding::lack(name, FindingStatus::Missing, error.to_string(), remedy)]
        }
    };
    // Its locks lie in the directory that is removed next.
    drop(started);
    let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(data_dir)).await;
    if !matches!(removed, Ok(Ok(()))) {
        tracing::warn!("the doctor's directory could not be removed");
    }
    findings
}
