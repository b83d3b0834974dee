//! The directories and control files of groups: making, writing and reading them.

use std::fs;
use std::io;
use std::path::Path;

use crate::fault::named;

/// Makes the directory of a group, if it does not exist.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(directory, error)),
        _ => Ok(()),
    }
}

/// Writes to an existing control file.
pub(super) fn write(file: &Path, value: &str) -> io::Result<()> {
    let written = fs::OpenOptions::new().write(true).open(file).and_then(|mut opened| {
        use io::Write;
        opened.write_all(value.as_bytes())
    });
    written.map_err(|error| at(file, error))
}

/// Returns the number in a control file.
pub(super) fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Returns the number after `key` in a control file of words and numbers.
pub(super) fn keyed_number(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Returns whether a group was refused processes although it never had as many as its limit: then a group above it was
/// full.
pub(super) fn lacked_processes(pids: &Path) -> bool {
    let is_refused = keyed_number(&pids.join("pids.events"), "max").is_some_and(|times| times > 0);
    // Older kernels do not record the peak; then the group's own limit may have been the reason.
    let peak = || number(&pids.join("pids.peak"));
    is_refused && peak().zip(number(&pids.join("pids.max"))).is_some_and(|(peak, limit)| peak < limit)
}

/// Adds the file's path to an error.
pub(super) fn at(path: &Path, error: io::Error) -> io::Error {
    named(path.display(), error)
}
