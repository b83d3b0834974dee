//! The ground of every sandbox: the files that the engine has made for all of them, and the directories of cgroups.
//! What goes missing or changes while the engine runs is made again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use workers_domain::ports::{SandboxError, SandboxErrorKind};

use crate::cgroup::CgroupPlan;
use crate::cgroup::discover::make_bases;
use crate::fault::{named, refused};
use crate::home::Home;
use crate::server::{blocking, unavailable};
use crate::stamp::Seen;

/// Makes the files of a tree again, and returns all trees that it has changed for that.
pub(crate) type Make = dyn Fn(&Path) -> io::Result<Vec<PathBuf>> + Send + Sync;

/// How many trees are made again in one call at most.
const MOST_TREES: usize = 8;

/// The files and directories that all sandboxes depend on.
pub(crate) struct Ground {
    home: Home,
    make: Box<Make>,
    cgroups: Option<CgroupPlan>,
    /// An asynchronous lock: callers that find something broken at the same time wait for the first one to repair it.
    turn: tokio::sync::Mutex<()>,
    /// The state of each tree when it was made.
    seen: Mutex<BTreeMap<PathBuf, Seen>>,
    /// When something was last found to be broken.
    broken_at: Mutex<Option<Instant>>,
    /// Whether the last check found something broken that could not be made again.
    is_unmended: AtomicBool,
    /// How often something was repaired.
    mended: AtomicU64,
}

/// The result of a check of the ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing was broken.
    Whole,
    /// The last check found something broken that could not be made again; now it is whole, without a repair by this
    /// check.
    BackByItself,
    /// Something was broken, and was made again.
    Mended,
}

/// Something that was found to be broken.
#[derive(Debug)]
enum Damage {
    /// A file of this tree is missing or has changed.
    Files(PathBuf, io::Error),
    /// This directory of cgroups is missing.
    Cgroups(PathBuf),
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ground").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Ground {
    /// Records the state of these trees, which were just made.
    ///
    /// # Errors
    ///
    /// When a part of them cannot be read.
    pub(crate) fn new(home: Home, trees: &[PathBuf], make: Box<Make>, cgroups: Option<CgroupPlan>) -> io::Result<Self> {
        Ok(Self {
            home,
            make,
            cgroups,
            turn: tokio::sync::Mutex::default(),
            seen: Mutex::new(take(trees)?),
            broken_at: Mutex::default(),
            is_unmended: AtomicBool::new(false),
            mended: AtomicU64::new(0),
        })
    }

    /// Returns how often something was repaired so far.
    pub(crate) fn times_mended(&self) -> u64 {
        self.mended.load(Ordering::Acquire)
    }

    /// Checks everything, and makes again what is broken.
    ///
    /// # Errors
    ///
    /// When the data directory is missing, or what is broken cannot be made again now.
    pub(crate) async fn mend(self: &Arc<Self>) -> Result<Found, SandboxError> {
        let _turn = self.turn.lock().await;
        let ground = Arc::clone(self);
        let mended = tokio::task::spawn_blocking(move || ground.mend_now()).await;
        let mended =
            mended.map_err(|error| SandboxError::failed("what sandboxes stand on was not looked at", error))?;
        mended.map_err(|error| {
            let what = "what sandboxes stand on is broken, and cannot be made again";
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
    pub(crate) async fn make_again(self: &Arc<Self>, tree: PathBuf) -> Result<(), SandboxError> {
        let _turn = self.turn.lock().await;
        let ground = Arc::clone(self);
        blocking("what sandboxes stand on cannot be made again", move || ground.remake(&tree)).await
    }

    /// Makes a tree, and records the result as its correct state.
    fn remake(&self, tree: &Path) -> io::Result<()> {
        let made = take(&(self.make)(tree)?)?;
        lock(&self.seen).extend(made);
        Ok(())
    }

    fn mend_now(&self) -> io::Result<Found> {
        let mended = self.mend_all();
        let was_unmended = self.is_unmended.swap(mended.is_err(), Ordering::AcqRel);
        Ok(match mended? {
            true => Found::Mended,
            false if was_unmended => Found::BackByItself,
            false => Found::Whole,
        })
    }

    /// Repairs what is broken. Returns whether something was.
    fn mend_all(&self) -> io::Result<bool> {
        for times in 0..MOST_TREES {
            let found = self.find_damage();
            if matches!(found, Ok(None)) {
                return Ok(times > 0);
            }
            *lock(&self.broken_at) = Some(Instant::now());
            if let Some(damage) = found? {
                self.mend_one(damage)?;
                self.mended.fetch_add(1, Ordering::AcqRel);
            }
        }
        Err(io::Error::other("what was made again changes again and again"))
    }

    /// Repairs one thing. Logs a repair. A failure is only returned: a caller may fail at every request, and logs it
    /// once.
    fn mend_one(&self, damage: Damage) -> io::Result<()> {
        match damage {
            Damage::Files(tree, cause) => {
                self.remake(&tree)?;
                tracing::warn!(cause = %cause, "files that sandboxes are made of were missing or had changed; they were made again");
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
        self.home.check()?;
        let seen = lock(&self.seen).clone();
        for (tree, seen) in seen {
            let cause = match seen.changed() {
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
        let ground = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            if !matches!(ground.find_damage(), Ok(None)) {
                *lock(&ground.broken_at) = Some(Instant::now());
            }
            *lock(&ground.broken_at)
        });
        looked.await.ok().flatten().is_some_and(|at| at >= since)
    }
}

fn take(trees: &[PathBuf]) -> io::Result<BTreeMap<PathBuf, Seen>> {
    trees.iter().map(|tree| Ok((tree.clone(), Seen::take_tree(tree)?))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere leaves no inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn ground(root: &Path) -> Arc<Ground> {
        let file = root.join("made/file");
        let make = move |_: &Path| {
            fs::create_dir_all(file.parent().unwrap())?;
            fs::write(&file, "right")?;
            Ok(vec![file.parent().unwrap().to_owned()])
        };
        let trees = make(root).unwrap();
        Arc::new(Ground::new(Home::of(root).unwrap(), &trees, Box::new(make), None).unwrap())
    }

    #[tokio::test]
    async fn what_is_missing_cut_or_replaced_is_made_again_and_that_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let ground = ground(root.path());
        let began = Instant::now();
        assert_eq!(ground.mend().await.unwrap(), Found::Whole);
        assert!(!ground.was_broken_since(began).await);
        let directory = root.path().join("made");
        let breaks: [&dyn Fn(); 3] = [
            &|| fs::remove_dir_all(&directory).unwrap(),
            &|| fs::write(directory.join("file"), "wrong").unwrap(),
            &|| fs::rename(&directory, root.path().join("away")).unwrap(),
        ];
        for (times, destroy) in breaks.iter().enumerate() {
            destroy();
            assert_eq!(ground.mend().await.unwrap(), Found::Mended);
            assert_eq!(fs::read_to_string(directory.join("file")).unwrap(), "right");
            assert_eq!(ground.times_mended(), times as u64 + 1);
        }
        assert!(ground.was_broken_since(began).await);
        assert!(!ground.was_broken_since(Instant::now()).await);
    }

    #[tokio::test]
    async fn while_the_data_directory_is_away_nothing_is_made_and_once_it_is_back_that_is_told() {
        let outer = tempfile::tempdir().unwrap();
        let (root, away) = (outer.path().join("data"), outer.path().join("away"));
        fs::create_dir(&root).unwrap();
        let ground = ground(&root);
        fs::rename(&root, &away).unwrap();
        assert!(ground.mend().await.is_err());
        assert!(!root.exists());
        fs::rename(&away, &root).unwrap();
        for found in [Found::BackByItself, Found::Whole] {
            assert_eq!(ground.mend().await.unwrap(), found);
        }
    }
}
