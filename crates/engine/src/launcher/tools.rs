//! File operations that a process of a container does for the server instead of running a program. It has the rights of
//! its user and is subject to the user's limits.
//!
//! So the server does not parse anything that comes from outside, and the container pays for the cost of a file
//! operation. Links lead only where the user itself could go.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use tar::{Archive, Entry, EntryType};

use workers_domain::in_words;

use crate::container::{HOME, USER};
use crate::message::Tool;

/// Carries out the operation; returns the exit code.
pub(super) fn run(tool: &Tool) -> i32 {
    let done = match tool {
        Tool::Unpack { directory } => unpack(Path::new(directory), io::stdin().lock()),
        Tool::Read { path } => read(Path::new(path), &mut io::stdout().lock()),
        Tool::MakeDirectory { path, recursive } => make_directory(Path::new(path), *recursive),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            // The reader may be gone.
            let _ = writeln!(io::stderr(), "{}", in_words(&error));
            if error.kind() == io::ErrorKind::NotFound { Tool::NOT_FOUND } else { 1 }
        }
    }
}

/// Unpacks ordinary files below a directory.
pub(crate) fn unpack(directory: &Path, archive: impl Read) -> io::Result<()> {
    // A gzip file may consist of several parts. A decoder of one part would end after the first one, without an error.
    let mut archive = Archive::new(MultiGzDecoder::new(archive));
    for entry in archive.entries()? {
        let mut entry = entry.map_err(|error| malformed(&error))?;
        if !is_file(&entry)? {
            continue;
        }
        let path = directory.join(inner_path(&entry)?);
        write(&path, &mut entry).map_err(|error| PathOperation::Write.failed(&path, &error))?;
    }
    Ok(())
}

/// Returns whether an entry is an ordinary file. Entries of directories are skipped, because writing a file makes the
/// directories of its path.
fn is_file(entry: &Entry<'_, impl Read>) -> io::Result<bool> {
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Ok(true),
        EntryType::Directory | EntryType::XGlobalHeader => Ok(false),
        _ => Err(refused(format!("{}: only ordinary files can be written", entry.path()?.display()))),
    }
}

/// Returns the path of an entry, which must stay below the directory that it is unpacked into.
fn inner_path(entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
    let path = entry.path().map_err(|error| malformed(&error))?;
    let mut inner = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::CurDir => {}
            _ => return Err(refused(format!("{}: the path leads out of the directory", path.display()))),
        }
    }
    if inner.as_os_str().is_empty() { Err(refused("a file without a name".to_owned())) } else { Ok(inner) }
}

fn write(path: &Path, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
    let mode = entry.header().mode().map_err(|error| malformed(&error))? & 0o7777;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Without blocking, in case it is a pipe.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode).custom_flags(NONBLOCK);
    let mut file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(not_ordinary());
    }
    io::copy(entry, &mut file)?;
    // The mode at the opening is reduced by the umask, and has no effect on a file that existed.
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Copies an ordinary file.
fn read(path: &Path, to: &mut impl Write) -> io::Result<()> {
    // This process is none of the container's programs. Users must not read what the kernel shows of it in `/proc`, or
    // its program file.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS).map_err(io::Error::from);
    let file = File::from(opened.map_err(|error| PathOperation::Read.failed(path, &error))?);
    let is_of_kernel = rustix::fs::fstatfs(&file)?.f_type == rustix::fs::PROC_SUPER_MAGIC;
    if is_of_kernel || !file.metadata()?.is_file() {
        return Err(PathOperation::Read.failed(path, &not_ordinary()));
    }
    copy(file, to).map_err(|error| PathOperation::Read.failed(path, &error))
}

fn copy(mut file: File, to: &mut impl Write) -> io::Result<()> {
    io::copy(&mut file, to)?;
    // Nothing else flushes: the process exits without running destructors (`exit_now`).
    to.flush()
}

fn make_directory(path: &Path, recursive: bool) -> io::Result<()> {
    let made = DirBuilder::new().recursive(recursive).mode(0o755).create(path);
    // Returned as a refusal and not as [`Tool::NOT_FOUND`]: if something is missing, it is the parent directory.
    made.map_err(|error| refused(PathOperation::Make.failed(path, &error).to_string()))
}

const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// A kind of operation on a path.
#[derive(Debug, Clone, Copy)]
enum PathOperation {
    Write,
    Read,
    Make,
}

impl PathOperation {
    /// Returns an error of the same kind whose message is a sentence for the user: what cannot be done, why, and what
    /// to do about it.
    fn failed(self, path: &Path, error: &io::Error) -> io::Error {
        let (done, otherwise) = match self {
            Self::Write => {
                ("written", format!("Write the file below {HOME}, and move it with a command that runs with sudo."))
            }
            Self::Read => ("read", "Read it with a command that runs with sudo.".to_owned()),
            Self::Make => ("made", "Make it with a command that runs with sudo.".to_owned()),
        };
        let why = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("permission denied for the user {USER}, as whom files are read and written. {otherwise}")
            }
            io::ErrorKind::AlreadyExists => "it is there already.".to_owned(),
            io::ErrorKind::NotFound if !matches!(self, Self::Read) => "the directory for it is not there.".to_owned(),
            io::ErrorKind::NotADirectory => "a part of the path is no directory.".to_owned(),
            io::ErrorKind::IsADirectory => "it is a directory.".to_owned(),
            _ => format!("{}.", in_words(error)),
        };
        io::Error::new(error.kind(), format!("`{}` cannot be {done}: {why}", path.display()))
    }
}

fn not_ordinary() -> io::Error {
    refused("it is not an ordinary file".to_owned())
}

fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn malformed(error: &io::Error) -> io::Error {
    refused(format!("the archive is malformed: {}", in_words(error)))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use rustix::io::Errno;
    use tar::{Builder, Header};

    use super::*;

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, content) in entries {
            let mut header = Header::new_ustar();
            // Bypasses the builder's checks, because a client may use another builder.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(entries: &[(&str, EntryType, &[u8])]) -> (tempfile::TempDir, io::Result<()>) {
        let directory = tempfile::tempdir().unwrap();
        let result = unpack(directory.path(), archive(entries).as_slice());
        (directory, result)
    }

    #[test]
    fn files_are_unpacked_with_their_modes_and_directories_on_the_way() {
        let (directory, result) = unpacked(&[("a/b/file", EntryType::Regular, b"text")]);
        result.unwrap();
        let path = directory.path().join("a/b/file");
        assert_eq!(fs::read(&path).unwrap(), b"text");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn what_leads_out_or_is_no_file_is_refused() {
        for (path, kind) in [
            ("../out", EntryType::Regular),
            ("/etc/passwd", EntryType::Regular),
            ("link", EntryType::Symlink),
            ("hard", EntryType::Link),
            ("pipe", EntryType::Fifo),
        ] {
            let (directory, result) = unpacked(&[(path, kind, b"")]);
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{path}");
        }
    }

    #[test]
    fn a_failure_says_what_cannot_be_done_why_and_what_to_do() {
        let path = Path::new("/usr/local/bin/x");
        let message = |operation: PathOperation, errno: Errno| operation.failed(path, &errno.into()).to_string();
        assert_eq!(
            message(PathOperation::Write, Errno::ACCESS),
            "`/usr/local/bin/x` cannot be written: permission denied for the user ubuntu, as whom files are read and \
             written. Write the file below /vercel, and move it with a command that runs with sudo."
        );
        assert_eq!(
            message(PathOperation::Make, Errno::EXIST),
            "`/usr/local/bin/x` cannot be made: it is there already."
        );
        assert_eq!(
            message(PathOperation::Make, Errno::NOENT),
            "`/usr/local/bin/x` cannot be made: the directory for it is not there."
        );
        assert_eq!(PathOperation::Read.failed(path, &Errno::NOENT.into()).kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn no_failure_has_a_number_of_the_operating_system() {
        // 133 is the last error number of Linux.
        for errno in (1..134).map(Errno::from_raw_os_error) {
            for operation in [PathOperation::Write, PathOperation::Read, PathOperation::Make] {
                let message = operation.failed(Path::new("/a"), &errno.into()).to_string();
                assert!(!message.contains("os error") && message.ends_with('.'), "{message}");
            }
        }
        assert_eq!(malformed(&Errno::IO.into()).to_string(), "the archive is malformed: Input/output error");
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(unpack(directory.path(), b"no gzip".as_slice()).is_err());
    }
}
