//! The files of a content: whether they are gone, and how they are moved to their place.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::copy::copy_tree;
use crate::data_dir_root::remove;
use crate::fault::named;

/// Turns errors that mean that something does not exist or is damaged into `false`. Errors that say nothing about it,
/// such as a lack of descriptors, stay errors.
pub(super) fn unless_gone(found: io::Result<bool>) -> io::Result<bool> {
    const NOTHING_SAID: [Errno; 7] =
        [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::INTR, Errno::ACCESS, Errno::PERM];
    found.or_else(|error| {
        let number = crate::fault::number_of(&error);
        let says_nothing = number.is_none_or(|number| NOTHING_SAID.contains(&Errno::from_raw_os_error(number)));
        if says_nothing { Err(error) } else { Ok(false) }
    })
}

/// Moves a directory to a free name. On another file system it is copied, and appears under the new name only when it
/// is complete.
pub(super) fn move_tree(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {}
        other => return other,
    }
    let new = unfinished(to);
    let copied = copy(from, &new).and_then(|()| fs::rename(&new, to));
    if copied.is_err() {
        // We report the first error, not that of cleaning up.
        let _ = remove(&new);
    }
    copied?;
    remove(from)
}

/// Returns path and name of the entries in a directory. Entries whose name is not UTF-8 are not ours and are skipped.
pub(super) fn entries(directory: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let listed = || -> io::Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        for item in fs::read_dir(directory)? {
            let item = item?;
            found.extend(item.file_name().into_string().ok().map(|name| (item.path(), name)));
        }
        Ok(found)
    };
    listed().map_err(|error| named(directory.display(), error))
}

/// Returns the name of a directory while it is incomplete.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// The suffix of such a name.
pub(super) const UNFINISHED: &str = ".unfinished";

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // A copy that was broken off may have left it.
    remove(to)?;
    fs::create_dir(to)?;
    let (from, to) = (File::open(from)?, File::open(to)?);
    let (source, target) = (from.metadata()?, to.metadata()?);
    to.set_permissions(source.permissions())?;
    let owner = (source.uid() != target.uid()).then_some(source.uid());
    crate::copy::give_away(&to, owner)?;
    copy_tree(from.as_fd(), to.as_fd(), owner).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_says_nothing_about_a_file() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(unless_gone(Err(errno.into())).is_err());
        }
        assert!(!unless_gone(Err(Errno::NOENT.into())).unwrap());
        assert!(!unless_gone(Err(Errno::IO.into())).unwrap());
    }
}
