//! Finds what is wrong with the resources of sandboxes, by checks and by making a sandbox.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::{Resource, getrlimit};
use tokio::runtime::Handle;
use tracing::Instrument as _;
use workers_domain::ports::{SandboxError, SandboxErrorKind};
use workers_domain::{Fault, Part, ResourceLimits};

use crate::cgroup::discover::own_groups;
use crate::sandbox::{EngineCore, LocalSandbox};
use crate::server::launcher_client::LauncherClient;
use crate::server::{blocking, unavailable};

/// With less free space than this, in bytes, a deploy may fail.
const LEAST_ROOM: u64 = 1 << 20;

/// How long the result of a trial is used.
const FRESH: Duration = Duration::from_secs(1);

/// How long the runtime and the launcher may take to respond to a check.
const PULSE_PATIENCE: Duration = Duration::from_millis(1800);

/// With fewer free descriptors or processes than this, making a sandbox may fail.
const LEAST_DESCRIPTORS: u64 = 32;
const LEAST_PROCESSES: u64 = 16;

/// Checks everything; causes come before their effects.
pub(crate) async fn faults(core: &Arc<EngineCore>) -> Vec<Fault> {
    let (data_dir, launcher) = (core.data_dir_root().path().to_owned(), core.launcher.process());
    let looked = blocking("checking resources", move || Ok(resources(&data_dir, launcher))).await;
    let mut faults = looked.unwrap_or_else(|error| vec![Fault::fatal(Part::Processes, error.message)]);
    if let Err(error) = core.repair().await {
        add(&mut faults, Part::Files, &error);
    }
    if let Err(error) = pulse(core.runtime(), &core.launcher).await {
        add(&mut faults, Part::Launcher, &error);
    }
    if core.launcher.has_lost_templates() {
        faults.push(Fault::slow(Part::Templates, "there is no booted Node.js; each command starts its own"));
    }
    // If one of these is fatal, a trial would find nothing new.
    if !faults.iter().any(|fault| fault.is_fatal)
        && let Err(error) = trial(core).await
    {
        add(&mut faults, Part::Sandboxes, &error);
    }
    faults
}

/// Checks that the runtime on which sandboxes are made (the caller may be on another one) and the launcher respond.
pub(crate) async fn pulse(runtime: &Handle, launcher: &Arc<LauncherClient>) -> Result<(), SandboxError> {
    let launcher = Arc::clone(launcher);
    let checked = runtime.spawn(async move { launcher.check().await }.in_current_span());
    match tokio::time::timeout(PULSE_PATIENCE, checked).await {
        Ok(checked) => checked.map_err(|error| SandboxError::failed("the check broke off", error))?,
        Err(_) => Err(unavailable("the runtime of the sandbox engine does not respond")),
    }
}

/// Adds a fault for an error of a part, or for the resource that the part ran out of.
fn add(faults: &mut Vec<Fault>, part: Part, error: &SandboxError) {
    let of_want = [Part::Descriptors, Part::Processes];
    let part = match error.kind {
        SandboxErrorKind::StorageFull | SandboxErrorKind::StorageReadOnly => Part::Storage,
        // A check above has found already which resource is short, and has better advice.
        SandboxErrorKind::Exhausted if faults.iter().any(|fault| of_want.contains(&fault.part)) => return,
        SandboxErrorKind::Exhausted => Part::Processes,
        _ => part,
    };
    faults.push(Fault::fatal(part, error.message.clone()));
}

/// Checks whether the host has too little of something.
fn resources(data_dir: &Path, launcher: Option<u32>) -> Vec<Fault> {
    let descriptors = free_descriptors().into_iter().chain(launcher.and_then(free_descriptors_of));
    let descriptors = descriptors.min().filter(|free| *free < LEAST_DESCRIPTORS);
    let processes = free_processes().filter(|free| *free < LEAST_PROCESSES);
    let descriptors =
        descriptors.map(|free| Fault::fatal(Part::Descriptors, format!("only {free} descriptors are left")));
    let processes = processes.map(|free| Fault::fatal(Part::Processes, format!("only {free} processes are left")));
    storage(data_dir).into_iter().chain(descriptors).chain(processes).collect()
}

/// Checks the file system of the data directory.
pub(crate) fn storage(data_dir: &Path) -> Option<Fault> {
    // A missing directory is found by the check of the files.
    let found = statvfs(data_dir).ok()?;
    let path = data_dir.display();
    let problem = if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        format!("the file system of {path} takes no writes")
    } else if found.f_bavail.saturating_mul(found.f_frsize) < LEAST_ROOM {
        format!("the file system of {path} is full")
    } else if found.f_files > 0 && found.f_favail == 0 {
        // File systems that make inodes as they are needed, such as btrfs, report that they have none at all.
        format!("the file system of {path} has no room for another file")
    } else {
        return None;
    };
    Some(Fault::fatal(Part::Storage, problem))
}

fn free_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile).current?;
    match fs::read_dir("/proc/self/fd") {
        Ok(open) => Some(limit.saturating_sub(u64::try_from(open.count()).ok()?)),
        // Listing takes a descriptor itself.
        Err(_) => Some(0),
    }
}

/// Returns the free descriptors of another process; `None` where that cannot be found out.
fn free_descriptors_of(process: u32) -> Option<u64> {
    let directory = Path::new("/proc").join(process.to_string());
    let limits = fs::read_to_string(directory.join("limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let open = fs::read_dir(directory.join("fd")).ok()?.count();
    Some(limit.saturating_sub(u64::try_from(open).ok()?))
}

/// Returns how many more processes the cgroups around this process allow.
fn free_processes() -> Option<u64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let free = |group: &std::path::PathBuf| {
        // The word `max`, for no limit, is no number either.
        let most = number(&group.join("pids.max"))?;
        Some(most.saturating_sub(number(&group.join("pids.current"))?))
    };
    own_groups("pids").ok()?.iter().filter_map(free).min()
}

/// Makes a snapshot and a sandbox from it, as a deploy and an invocation do, and removes both. After a success it is
/// not repeated for [`FRESH`], because any client may ask for it.
async fn trial(core: &Arc<EngineCore>) -> Result<(), SandboxError> {
    // Held during the trial, so that probes that come at the same time share one.
    let mut last = core.last_trial.lock().await;
    if last.is_some_and(|last| last.elapsed() < FRESH) {
        return Ok(());
    }
    let limits =
        ResourceLimits { memory_bytes: 64 << 20, processes: 16, disk_bytes: 1 << 20, ..ResourceLimits::default() };
    *last = None;
    LocalSandbox::try_all(core, limits).await?;
    *last = Some(Instant::now());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_descriptors_processes_and_room_left() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(resources(root.path(), Some(std::process::id())), []);
        assert!(free_descriptors().is_some_and(|free| free > 0));
        assert_eq!(free_descriptors_of(std::process::id()), free_descriptors());
    }
}
