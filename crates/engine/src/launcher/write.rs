//! Writes files into a sandbox, from inside of it: a link made by user code leads nowhere that user code could not go
//! itself.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat2, unlinkat};
use rustix::io::Errno;

use crate::fault::named;

/// Returns how paths are resolved: never out of the working directory, never over a link.
fn strictly() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

/// Writes files below `work`. `files` lists their paths and lengths; `content` holds their contents one after another.
pub(super) fn write_files(work: BorrowedFd<'_>, files: &[(String, u64)], content: OwnedFd) -> io::Result<()> {
    let mut content = File::from(content);
    // The position is shared with the sender's descriptor, and the sender has written up to the end.
    content.rewind()?;
    for (path, length) in files {
        let mut file = create(work, path).map_err(|error| named(path, error))?;
        let copied = io::copy(&mut (&mut content).take(*length), &mut file)?;
        if copied != *length {
            return Err(io::Error::other(format!("{path}: its content is cut")));
        }
    }
    Ok(())
}

/// Makes a new, empty file in place of an existing one.
fn create(work: BorrowedFd<'_>, path: &str) -> io::Result<File> {
    let (parents, name) = path.rsplit_once('/').map_or((None, path), |(parents, name)| (Some(parents), name));
    let mut directory: Option<OwnedFd> = None;
    for parent in parents.into_iter().flat_map(|parents| parents.split('/')) {
        let here = directory.as_ref().map_or(work, AsFd::as_fd);
        directory = Some(enter(here, parent)?);
    }
    let here = directory.as_ref().map_or(work, AsFd::as_fd);
    // A new file, not the existing one opened again: that might be a pipe, or a second name of another file.
    match unlinkat(here, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    // `EXCL`, because user code may have put something in its place since the removal.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    Ok(File::from(openat2(here, name, flags, Mode::from_raw_mode(0o644), strictly())?))
}

/// Opens a directory, and makes it if it is missing.
fn enter(here: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    // What exists may be a file or a link; the opening below refuses both.
    match mkdirat(here, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat2(here, name, flags, Mode::empty(), strictly())?)
}
