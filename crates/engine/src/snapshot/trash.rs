//! What is being removed. A tree of files is moved here in one step, and removed behind that, one tree after the other,
//! by a thread that gives way to all others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use uuid::Uuid;

use super::files::entries;
use crate::home::remove;

/// How much the thread gives way: by so much it is nicer than others. A core that is wanted is then its own for a tenth
/// of the time at most.
const NICENESS: i32 = 10;

/// The directory of what is being removed.
#[derive(Debug)]
pub(super) struct Trash {
    directory: PathBuf,
    /// Holds one word at most: that there is something to remove. The thread ends when this is dropped.
    wake: SyncSender<()>,
}

impl Trash {
    /// Starts the thread. The directory need not be there yet.
    pub(super) fn start(directory: PathBuf) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let watched = directory.clone();
        std::thread::Builder::new().name("snapshot-trash".to_owned()).spawn(move || empty(&watched, &woken))?;
        Ok(Self { directory, wake })
    }

    /// Moves a file or directory out of the way, to be removed soon. What is not there is no error.
    ///
    /// # Errors
    ///
    /// When it can neither be moved nor removed.
    pub(super) fn take(&self, path: &Path) -> io::Result<()> {
        match fs::rename(path, self.directory.join(Uuid::new_v4().to_string())) {
            Ok(()) => self.wake(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => {}
            // On another file system, or into a directory that is not there.
            Err(_) => return remove(path),
        }
        Ok(())
    }

    /// Has what lies there removed.
    pub(super) fn wake(&self) {
        // A thread that was woken already looks at all that is there.
        let _ = self.wake.try_send(());
    }
}

/// Removes what lies in a directory each time that there may be something, until nothing can be put there any more.
fn empty(directory: &Path, woken: &Receiver<()>) {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(error = %error, "removed snapshots' files do not give way to other work");
    }
    while woken.recv().is_ok() {
        // It may have been removed by hand.
        for (path, _) in entries(directory).unwrap_or_default() {
            if let Err(error) = remove(&path) {
                tracing::warn!(error = %error, "a removed snapshot's files could not be removed; the next sweep tries again");
            }
        }
    }
}
