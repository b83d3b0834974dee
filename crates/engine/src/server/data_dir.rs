//! The data directory: one engine at a time works in it, and clears away what the last one left behind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use workers_domain::ports::SandboxError;
use workers_private_files::{make_data_directory, read_file, replace_file};

use super::ids::{Ranges, Reserved};
use super::locks::{lock_engine, lock_launcher};
use super::{blocking, unavailable};
use crate::cgroup::CgroupPlan;
use crate::cgroup::discover::discover;
use crate::data_dir_root::{DataDirRoot, remove};
use crate::fault::{named, refused};
use crate::snapshot::manifest::Digest256;

/// How long the launcher of an engine that was killed may take to clear away.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);

/// How long the processes in left-over cgroups may take to end, and how often we check.
const SWEEP_PATIENCE: Duration = Duration::from_secs(2);
const SWEEP_INTERVAL: Duration = Duration::from_millis(2);

/// The file that records in which cgroups sandboxes are made.
const CGROUPS: &str = "cgroups.json";

/// The data directory, locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: DataDirRoot,
    ids: Reserved,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, closes it to others, and locks it. Waits for the launcher of an engine
    /// that was killed, because it may still be clearing away, and clears away what that has left. Also returns the
    /// lock for the new launcher.
    fn open(path: &Path, ids: Ranges) -> io::Result<(Self, File)> {
        // First, so that no other user can put anything in the way of what follows.
        let path = make_data_directory(path)?;
        // Messages to the launcher are JSON, in which there is no other path.
        if path.to_str().is_none() {
            return Err(io::Error::other("the path of the data directory is not UTF-8"));
        }
        // The engine's first. It is refused at once while another server runs; waiting for that server's launcher would
        // take as long as the server runs.
        let lock = lock_engine(&path)?;
        let launcher_lock = lock_launcher(&path)?;
        let ids = ids.reserve(preferred_range(&path))?;
        let data_dir = Self { root: DataDirRoot::of(&path)?, ids, _lock: lock };
        if remove(&data_dir.sandboxes()).is_err() {
            clear(&data_dir.sandboxes())?;
        }
        // Closed to other users of the host, whatever the modes of the files in it are.
        for directory in [data_dir.sandboxes(), data_dir.snapshots(), data_dir.containers()] {
            data_dir.root.make(&directory)?;
        }
        data_dir.clear_recorded_cgroups()?;
        Ok((data_dir, launcher_lock))
    }

    /// Opens the directory on a blocking thread, and waits at most [`LOCK_PATIENCE`] for it. Then runs `also`, which
    /// opens other things in it and may take any time.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and the errors of `also`.
    pub(crate) async fn open_in_time<T: Send + 'static>(
        path: PathBuf,
        ids: Ranges,
        also: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<(Self, File, T), SandboxError> {
        const WHAT: &str = "the data directory cannot be used";
        let opened = tokio::time::timeout(LOCK_PATIENCE, blocking(WHAT, move || Self::open(&path, ids))).await;
        let (data_dir, launcher_lock) =
            opened.map_err(|_| unavailable("the launcher of an earlier server still holds the data directory"))??;
        blocking(WHAT, move || also(&data_dir).map(|also| (data_dir, launcher_lock, also))).await
    }

    /// Finds out where cgroups can be made, and records it.
    pub(crate) async fn plan_cgroups(&self, parent: Option<PathBuf>) -> Result<CgroupPlan, SandboxError> {
        let name = self.group_name();
        let found = blocking("cgroups", move || Ok(discover(parent.as_deref(), &name))).await?;
        let plan =
            found.map_err(|missing| unavailable(format!("memory and processes cannot be limited: {missing}")))?;
        self.record_cgroups(&plan).map_err(|error| refused("the data directory cannot be written", &error))?;
        Ok(plan)
    }

    /// Returns the directory itself.
    pub(crate) fn root(&self) -> &DataDirRoot {
        &self.root
    }

    /// Returns the directory where sandboxes' files are staged.
    pub(crate) fn sandboxes(&self) -> PathBuf {
        self.root.path().join("sandboxes")
    }

    /// Returns the directory of the snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.path().join("snapshots")
    }

    /// Returns the directory where the root that sandboxes get is made.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.path().join("runtime")
    }

    /// Returns the directory with the files that containers are made of.
    pub(crate) fn containers(&self) -> PathBuf {
        self.root.path().join("system")
    }

    /// Returns the directory with the files that templates run.
    pub(crate) fn template(&self) -> PathBuf {
        self.root.path().join("template")
    }

    /// Returns the directory of our own copy of node.
    pub(crate) fn node(&self) -> PathBuf {
        self.root.path().join("node")
    }

    /// Returns the name of this directory's cgroup. Engines of other directories have other groups.
    pub(crate) fn group_name(&self) -> String {
        format!("workers-{}", digits_of(self.root.path()))
    }

    /// Returns the number of the range of host user ids that only this engine has while the directory is open.
    pub(crate) fn id_range(&self) -> u32 {
        self.ids.number
    }

    /// Records where cgroups are made, because the next start may happen in another group.
    fn record_cgroups(&self, plan: &CgroupPlan) -> io::Result<()> {
        replace_file(&self.root.path().join(CGROUPS), &serde_json::to_vec(plan)?)
    }

    /// Kills and removes what is left in the recorded cgroups. A record that another user has written is refused.
    fn clear_recorded_cgroups(&self) -> io::Result<()> {
        let recorded = match read_file(&self.root.path().join(CGROUPS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if let Ok(plan) = serde_json::from_slice::<CgroupPlan>(&recorded) {
            sweep_cgroups(&plan, None);
            // Fails when something could not be removed, which is logged.
            let _ = plan.group("").remove();
        }
        Ok(())
    }
}

/// Returns 16 hex digits that stand for a path where a short name is needed.
fn digits_of(path: &Path) -> String {
    let digest = Digest256::of(path.as_os_str().as_encoded_bytes());
    digest.as_str().get(..16).unwrap_or_default().to_owned()
}

/// Returns the range of ids that a directory gets at each start, if it is free. It is a hash of the path, so few other
/// directories have the same.
fn preferred_range(path: &Path) -> u32 {
    digits_of(path).get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

/// Removes the content of a directory that itself cannot be removed, for example because a file system is mounted on
/// it.
fn clear(directory: &Path) -> io::Result<()> {
    let listed = fs::read_dir(directory).map_err(|error| named(directory.display(), error))?;
    for item in listed {
        let path = item?.path();
        if let Err(error) = remove(&path) {
            tracing::warn!(error = %error, "what an earlier server left could not be removed");
        }
    }
    Ok(())
}

/// Kills all processes in the groups below a plan's directories and removes the groups: those with these names, or all.
/// What has not ended within [`SWEEP_PATIENCE`] is left.
pub(crate) fn sweep_cgroups(plan: &CgroupPlan, names: Option<BTreeSet<String>>) {
    let mut names = names.unwrap_or_else(|| {
        let listed = plan.bases().into_iter().filter_map(|base| fs::read_dir(base).ok()).flatten();
        let directories = listed.filter_map(|item| item.ok().filter(|item| item.path().is_dir()));
        directories.filter_map(|item| item.file_name().into_string().ok()).collect()
    });
    let deadline = Instant::now() + SWEEP_PATIENCE;
    loop {
        names.retain(|name| {
            let group = plan.group(name);
            // In each round, because a process may have forked while the group was listed.
            group.kill();
            group.remove().is_err()
        });
        if names.is_empty() || Instant::now() >= deadline {
            break;
        }
        // The processes are ending; the kernel sends no event when the last of them has left the group, so we poll.
        std::thread::sleep(SWEEP_INTERVAL);
    }
    if !names.is_empty() {
        tracing::warn!(cgroups = ?names, "cgroups of sandboxes that do not end are left");
    }
}
