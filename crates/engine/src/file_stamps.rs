//! Checks whether files are unchanged since they were found to be right.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::fault::named;

/// The state of a file or directory. It changes with every change of the file, but not when the file gets another hard
/// link: engines with other data directories link to the same program.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    number: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = path.symlink_metadata()?;
        Ok(Self {
            device: found.dev(),
            number: found.ino(),
            size: found.size(),
            mode: found.mode(),
            // Not the time of the last change of state (`ctime`), which another hard link changes.
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// The state of files and directories at one time.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileStamps(Vec<(PathBuf, Stamp)>);

impl FileStamps {
    /// Records the current state of files.
    ///
    /// # Errors
    ///
    /// When the state of one cannot be read.
    pub(crate) fn record(paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let stamp = |path: PathBuf| match Stamp::of(&path) {
            Ok(stamp) => Ok((path, stamp)),
            Err(error) => Err(named(path.display(), error)),
        };
        paths.into_iter().map(stamp).collect::<io::Result<_>>().map(Self)
    }

    /// Records the current state of a path, and of all below it.
    ///
    /// # Errors
    ///
    /// When the state of one cannot be read.
    pub(crate) fn record_tree(root: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        list(root, &mut paths)?;
        Self::record(paths)
    }

    /// Returns the first one that has changed.
    ///
    /// # Errors
    ///
    /// When the state of one cannot be read, for example because it is missing.
    pub(crate) fn changed(&self) -> io::Result<Option<&Path>> {
        for (path, stamp) in &self.0 {
            let found = Stamp::of(path).map_err(|error| named(path.display(), error))?;
            if found != *stamp {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

fn list(path: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    let at = |error| named(path.display(), error);
    if path.symlink_metadata().map_err(at)?.is_dir() {
        for item in fs::read_dir(path).map_err(at)? {
            list(&item.map_err(at)?.path(), paths)?;
        }
    }
    paths.push(path.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_file_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        let changes: [&dyn Fn(); 4] = [
            &|| fs::File::options().write(true).open(&file).unwrap().set_len(0).unwrap(),
            // As long as before, so that the size does not show the change.
            &|| fs::write(&file, "test").unwrap(),
            &|| {
                fs::write(root.path().join("other"), "text").unwrap();
                fs::rename(root.path().join("other"), &file).unwrap();
            },
            &|| fs::remove_file(&file).unwrap(),
        ];
        for change in changes {
            fs::write(&file, "text").unwrap();
            let stamps = FileStamps::record([file.clone()]).unwrap();
            assert_eq!(stamps.changed().unwrap(), None);
            change();
            assert!(!matches!(stamps.changed(), Ok(None)));
        }
    }

    #[test]
    fn a_tree_has_changed_when_anything_in_it_has() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let stamps = FileStamps::record_tree(root.path()).unwrap();
        assert_eq!(stamps.changed().unwrap(), None);
        fs::write(below.join("new"), "").unwrap();
        assert_eq!(stamps.changed().unwrap(), Some(below.as_path()));
    }
}
