//! The directories of a store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::entries;
use super::manifest::Digest256;
use crate::data_dir_root::DataDirRoot;

/// The directories of a store, below the data directory.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) data_dir: DataDirRoot,
    root: PathBuf,
    /// The trees of files, in levels.
    pub(super) contents: PathBuf,
    /// The references, which map each snapshot to its content, in levels.
    pub(super) references: PathBuf,
    /// What is being written.
    pub(super) incoming: PathBuf,
    /// What is being removed.
    pub(super) trash: PathBuf,
}

impl Layout {
    pub(super) fn new(data_dir: DataDirRoot, root: &Path) -> Self {
        let [contents, references, incoming, trash] =
            ["contents", "refs", "incoming", "trash"].map(|name| root.join(name));
        Self { data_dir, root: root.to_owned(), contents, references, incoming, trash }
    }

    /// Makes the directories that are missing, but no levels.
    pub(super) fn make(&self) -> io::Result<()> {
        // Closed to other users of the host, whatever the modes of the files in it are.
        [&self.root, &self.contents, &self.references, &self.incoming, &self.trash]
            .into_iter()
            .try_for_each(|directory| self.data_dir.make(directory))
    }

    /// Returns the path of a content's tree.
    pub(super) fn tree_of(&self, content: &Digest256) -> PathBuf {
        self.contents.join(content.level()).join(content.as_str())
    }

    /// Calls `put`, which puts something at a path in a level. Makes the level and calls it again if the level is
    /// missing.
    pub(super) fn in_level(&self, path: &Path, put: impl Fn() -> io::Result<()>) -> io::Result<()> {
        // Tried first: usually the level exists, and making it includes a check of the data directory.
        match (put(), path.parent()) {
            (Err(error), Some(level)) if is_about_the_way(&error) => {
                self.data_dir.make(level)?;
                put()
            }
            (done, _) => done,
        }
    }
}

/// Returns the levels in a directory.
pub(super) fn levels(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let is_level = |(path, name): &(PathBuf, String)| {
        name.len() == 2
            && name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
    };
    Ok(entries(directory)?.into_iter().filter(is_level).map(|(path, _)| path).collect())
}

/// Returns whether a directory of the path is missing, or is not a directory.
fn is_about_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
