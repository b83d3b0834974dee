//! The files that the engine has made for all sandboxes, and the directories of cgroups. What goes missing or changes
//! while the engine runs is made again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use workers_domain::ports::{SandboxError, SandboxErrorKind};

use crate::cgroup::CgroupPlan;
use crate::cgroup::discover::make_bases;
use crate::data_dir_root::DataDirRoot;
use crate::fault::{named, refused};
use crate::file_stamps::FileStamps;
use crate::server::{blocking, unavailable};

/// Makes the files of a tree again, and returns all trees that it has changed for that.
pub(crate) type Build = dyn Fn(&Path) -> io::Result<Vec<PathBuf>> + Send + Sync;

/// How many trees are made again in one call at most.
const MOST_TREES: usize = 8;

/// The files and directories that all sandboxes depend on.
pub(crate) struct SharedFiles {
    root: DataDirRoot,
    build: Box<Build>,
    cgroups: Option<CgroupPlan>,
    /// An asynchronous lock: callers that find something broken at the same time wait for the first one to repair it.
    repair_lock: tokio::sync::Mutex<()>,
    /// The state of each tree when it was made.
    stamps: Mutex<BTreeMap<PathBuf, FileStamps>>,
    /// When something was last found to be broken.
    broken_at: Mutex<Option<Instant>>,
    /// Whether the last check found something broken that could not be made again.
    is_unrepaired: AtomicBool,
    /// How often something was repaired.
    repairs: AtomicU64,
}

/// The result of a check of the shared files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepairOutcome {
    /// Nothing was broken.
    Intact,
    /// The last check found something broken that could not be made again; now it is intact, without a repair by this
    /// check.
    Recovered,
    /// Something was broken, and was made again.
    Repaired,
}

/// Something that was found to be broken.
#[derive(Debug)]
enum Damage {
    /// A file of this tree is missing or has changed.
    Files(PathBuf, io::Error),
    /// This directory of cgroups is missing.
    Cgroups(PathBuf),
}

impl std::fmt::Debug for SharedFiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SharedFiles").field("root", &self.root).finish_non_exhaustive()
    }
}

impl SharedFiles {
    /// Records the state of these trees, which were just made.
    ///
    /// # Errors
    ///
    /// When a part of them cannot be read.
    pub(crate) fn new(
        root: DataDirRoot,
        trees: &[PathBuf],
        build: Box<Build>,
        cgroups: Option<CgroupPlan>,
    ) -> io::Result<Self> {
        Ok(Self {
            root,
            build,
            cgroups,
            repair_lock: tokio::sync::Mutex::default(),
            stamps: Mutex::new(record(trees)?),
            broken_at: Mutex::default(),
            is_unrepaired: AtomicBool::new(false),
            repairs: AtomicU64::new(0),
        })
    }

    /// Returns how often something was repaired so far.
    pub(crate) fn repairs(&self) -> u64 {
        self.repairs.load(Ordering::Acquire)
    }

    /// Checks everything, and makes again what is broken.
    ///
    /// # Errors
    ///
    /// When the data directory is missing, or what is broken cannot be made again now.
    pub(crate) async fn repair(self: &Arc<Self>) -> Result<RepairOutcome, SandboxError> {
        let _guard = self.repair_lock.lock().await;
        let shared_files = Arc::clone(self);
        let repaired = tokio::task::spawn_blocking(move || shared_files.repair_now()).await;
        let repaired = repaired
            .map_err(|error| SandboxError::failed("the files that all sandboxes share were not checked", error))?;
        repaired.map_err(|error| {
            let what = "the files that all sandboxes share are broken, and cannot be made again";
            match refused(what, &error) {
                // The next attempt may succeed.
                error if error.kind == SandboxErrorKind::Failed => unavailable(error.message),
                error => error,
            }
        })
    }

    /// Makes a tree again although nothing of it is broken, because what it is made from has changed.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub(crate) async fn rebuild(self: &Arc<Self>, tree: PathBuf) -> Result<(), SandboxError> {
        let _guard = self.repair_lock.lock().await;
        let shared_files = Arc::clone(self);
        blocking("files that all sandboxes share cannot be made again", move || shared_files.rebuild_tree(&tree)).await
    }

    /// Makes a tree, and records the result as its correct state.
    fn rebuild_tree(&self, tree: &Path) -> io::Result<()> {
        let made = record(&(self.build)(tree)?)?;
        lock(&self.stamps).extend(made);
        Ok(())
    }

    fn repair_now(&self) -> io::Result<RepairOutcome> {
        let repaired = self.repair_all();
        let was_unrepaired = self.is_unrepaired.swap(repaired.is_err(), Ordering::AcqRel);
        Ok(match repaired? {
            true => RepairOutcome::Repaired,
            false if was_unrepaired => RepairOutcome::Recovered,
            false => RepairOutcome::Intact,
        })
    }

    /// Repairs what is broken. Returns whether something was.
    fn repair_all(&self) -> io::Result<bool> {
        // One after the other: a tree that is made again may repair others with it (`Build`).
        for times in 0..MOST_TREES {
            let found = self.find_damage();
            if matches!(found, Ok(None)) {
                return Ok(times > 0);
            }
            // Before the repair: a sandbox that fails meanwhile has to find the reason (`was_broken_since`).
            *lock(&self.broken_at) = Some(Instant::now());
            if let Some(damage) = found? {
                self.repair_one(damage)?;
                self.repairs.fetch_add(1, Ordering::AcqRel);
            }
        }
        Err(io::Error::other("what was made again changes again and again"))
    }

    /// Repairs one thing. Logs a repair. A failure is only returned: a caller may fail at every request, and logs it
    /// once.
    fn repair_one(&self, damage: Damage) -> io::Result<()> {
        match damage {
            Damage::Files(tree, cause) => {
                self.rebuild_tree(&tree)?;
                tracing::warn!(cause = %cause, "files that all sandboxes share were missing or had changed; they were made again");
            }
            Damage::Cgroups(directory) => {
                self.cgroups.as_ref().map_or(Ok(()), make_bases).map_err(io::Error::other)?;
                tracing::warn!(directory = %directory.display(), "the directory of cgroups was missing; it was made again");
            }
        }
        Ok(())
    }

    /// Returns the first thing that is broken.
    fn find_damage(&self) -> io::Result<Option<Damage>> {
        // First, because all files are missing while the data directory is away, and then nothing may be made.
        self.root.check()?;
        // A copy, so that no caller waits for the lock while the files are looked at.
        let stamps = lock(&self.stamps).clone();
        for (tree, stamps) in stamps {
            let cause = match stamps.changed() {
                Ok(None) => continue,
                Ok(Some(path)) => io::Error::other(format!("{} has changed", path.display())),
                Err(error) => error,
            };
            return Ok(Some(Damage::Files(tree, cause)));
        }
        let bases = self.cgroups.iter().flat_map(CgroupPlan::bases);
        for base in bases {
            match base.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Some(Damage::Cgroups(base.to_owned())));
                }
                found => found.map(drop).map_err(|error| named(base.display(), error))?,
            }
        }
        Ok(None)
    }

    /// Returns whether something was broken at or after this time, or is broken now. Repairs nothing.
    pub(crate) async fn was_broken_since(self: &Arc<Self>, since: Instant) -> bool {
        let shared_files = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            if !matches!(shared_files.find_damage(), Ok(None)) {
                *lock(&shared_files.broken_at) = Some(Instant::now());
            }
            *lock(&shared_files.broken_at)
        });
        looked.await.ok().flatten().is_some_and(|at| at >= since)
    }
}

fn record(trees: &[PathBuf]) -> io::Result<BTreeMap<PathBuf, FileStamps>> {
    trees.iter().map(|tree| Ok((tree.clone(), FileStamps::record_tree(tree)?))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shared_files(root: &Path) -> Arc<SharedFiles> {
        let file = root.join("made/file");
        let make = move |_: &Path| {
            fs::create_dir_all(file.parent().unwrap())?;
            fs::write(&file, "right")?;
            Ok(vec![file.parent().unwrap().to_owned()])
        };
        let trees = make(root).unwrap();
        Arc::new(SharedFiles::new(DataDirRoot::of(root).unwrap(), &trees, Box::new(make), None).unwrap())
    }

    #[tokio::test]
    async fn what_is_missing_cut_or_replaced_is_made_again_and_that_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let shared_files = shared_files(root.path());
        let began = Instant::now();
        assert_eq!(shared_files.repair().await.unwrap(), RepairOutcome::Intact);
        assert!(!shared_files.was_broken_since(began).await);
        let directory = root.path().join("made");
        let breaks: [&dyn Fn(); 3] = [
            &|| fs::remove_dir_all(&directory).unwrap(),
            &|| fs::write(directory.join("file"), "wrong").unwrap(),
            &|| fs::rename(&directory, root.path().join("away")).unwrap(),
        ];
        for (times, destroy) in breaks.iter().enumerate() {
            destroy();
            assert_eq!(shared_files.repair().await.unwrap(), RepairOutcome::Repaired);
            assert_eq!(fs::read_to_string(directory.join("file")).unwrap(), "right");
            assert_eq!(shared_files.repairs(), times as u64 + 1);
        }
        assert!(shared_files.was_broken_since(began).await);
        assert!(!shared_files.was_broken_since(Instant::now()).await);
    }

    #[tokio::test]
    async fn while_the_data_directory_is_away_nothing_is_made_and_once_it_is_back_that_is_reported() {
        let outer = tempfile::tempdir().unwrap();
        let (root, away) = (outer.path().join("data"), outer.path().join("away"));
        fs::create_dir(&root).unwrap();
        let shared_files = shared_files(&root);
        fs::rename(&root, &away).unwrap();
        assert!(shared_files.repair().await.is_err());
        assert!(!root.exists());
        fs::rename(&away, &root).unwrap();
        for found in [RepairOutcome::Recovered, RepairOutcome::Intact] {
            assert_eq!(shared_files.repair().await.unwrap(), found);
        }
    }
}
