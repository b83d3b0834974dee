//! The trash: a tree of files is moved here in one step, and removed later by a thread of low priority, one tree after
//! the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use uuid::Uuid;

use super::files::entries;
use crate::data_dir_root::remove;

/// By how much the thread's nice value is raised. When other threads are busy, too, it gets at most a tenth of a core's
/// time.
const NICENESS: i32 = 10;

/// The directory of what is being removed.
#[derive(Debug)]
pub(super) struct Trash {
    directory: PathBuf,
    /// Holds at most one message: that there is something to remove. The thread ends when this is dropped.
    wake: SyncSender<()>,
}

impl Trash {
    /// Starts the thread. The directory may still be missing.
    pub(super) fn start(directory: PathBuf) -> io::Result<Self> {
        // One message is enough, because the thread removes everything each time that it is woken.
        let (wake, woken) = sync_channel(1);
        let watched = directory.clone();
        std::thread::Builder::new().name("snapshot-trash".to_owned()).spawn(move || empty(&watched, &woken))?;
        Ok(Self { directory, wake })
    }

    /// Moves a file or directory to the trash, to be removed soon. A missing one is fine.
    ///
    /// # Errors
    ///
    /// When it can neither be moved nor removed.
    pub(super) fn take(&self, path: &Path) -> io::Result<()> {
        match fs::rename(path, self.directory.join(Uuid::new_v4().to_string())) {
            Ok(()) => self.wake(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => {}
            // It is on another file system, or the trash directory is missing.
            Err(_) => return remove(path),
        }
        Ok(())
    }

    /// Wakes the thread, to remove what is in the trash.
    pub(super) fn wake(&self) {
        // If a message waits already, the thread has yet to list the directory.
        let _ = self.wake.try_send(());
    }
}

/// Removes all entries of a directory each time it is woken, until the sender is dropped.
fn empty(directory: &Path, woken: &Receiver<()>) {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(error = %error, "removed snapshots' files do not give way to other work");
    }
    while woken.recv().is_ok() {
        // The directory may have been removed by hand.
        for (path, _) in entries(directory).unwrap_or_default() {
            if let Err(error) = remove(&path) {
                tracing::warn!(error = %error, "a removed snapshot's files could not be removed; the next sweep tries again");
            }
        }
    }
}
