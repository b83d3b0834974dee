//! The files of a content: whether they are gone, and how they get to their place.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::copy::copy_tree;
use crate::fault::named;
use crate::home::remove;

/// Turns errors that say that something is not there, or not as it was written, into "no". Those that say nothing about
/// it, as want of descriptors, stay errors.
pub(super) fn unless_gone(found: io::Result<bool>) -> io::Result<bool> {
    const NOTHING_SAID: [Errno; 7] =
        [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN, Errno::INTR, Errno::ACCESS, Errno::PERM];
    found.or_else(|error| {
        let number = crate::fault::number_of(&error);
        let says_nothing = number.is_none_or(|number| NOTHING_SAID.contains(&Errno::from_raw_os_error(number)));
        if says_nothing { Err(error) } else { Ok(false) }
    })
}

/// Moves a directory to a name that is free. Where that is another file system it is copied, and appears there as a
/// whole.
pub(super) fn move_tree(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {}
        other => return other,
    }
    let new = unfinished(to);
    let copied = copy(from, &new).and_then(|()| fs::rename(&new, to));
    if copied.is_err() {
        // The first error is the one to tell.
        let _ = remove(&new);
    }
    copied?;
    remove(from)
}

/// Path and name of what is in a directory; what has no name in UTF-8 is not ours.
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

/// The name of a directory that is not there as a whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

/// How such a name ends.
pub(super) const UNFINISHED: &str = ".unfinished";

fn copy(from: &Path, to: &Path) -> io::Result<()> {
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
