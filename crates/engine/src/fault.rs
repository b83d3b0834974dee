//! Translates errors of the operating system for the callers of a sandbox.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;

use rustix::io::Errno;
use workers_domain::ports::{SandboxError, SandboxErrorKind};
pub(crate) use workers_private_files::named;

/// The error that the data directory is not at its path any more. Its content is not lost.
#[derive(Debug)]
pub(crate) struct DataDirMissing(pub(crate) String);

impl Display for DataDirMissing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for DataDirMissing {}

/// Returns the error number of the operating system, however often the error was wrapped since.
pub(crate) fn number_of(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| find::<io::Error>(error).and_then(number_of))
}

/// Returns the outermost error of type `T` in the chain of causes.
fn find<T: StdError + 'static>(error: &io::Error) -> Option<&T> {
    let mut cause = error.get_ref().map(|inner| inner as &(dyn StdError + 'static));
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An `io::Error` does not return the error that it wraps as its source, so we unwrap it first.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = held.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// Returns the kind of sandbox error for an error number.
pub(crate) fn kind_of_number(number: i32) -> SandboxErrorKind {
    match Errno::from_raw_os_error(number) {
        Errno::NOSPC | Errno::DQUOT => SandboxErrorKind::StorageFull,
        Errno::ROFS => SandboxErrorKind::StorageReadOnly,
        // Out of descriptors, of processes and threads, or of memory.
        Errno::MFILE | Errno::NFILE | Errno::AGAIN | Errno::NOMEM => SandboxErrorKind::Exhausted,
        _ => SandboxErrorKind::Failed,
    }
}

/// Returns the kind of sandbox error for an error of the operating system.
pub(crate) fn kind_of(error: &io::Error) -> SandboxErrorKind {
    match number_of(error) {
        _ if find::<DataDirMissing>(error).is_some() => SandboxErrorKind::StorageUnavailable,
        Some(number) => kind_of_number(number),
        None => SandboxErrorKind::Failed,
    }
}

/// Makes the sandbox error for something that the operating system refused.
pub(crate) fn refused(what: impl Display, error: &io::Error) -> SandboxError {
    // The message of `error` includes all its causes.
    SandboxError::new(kind_of(error), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_below_every_name() {
        let error = named("outer", named("/some/path", io::Error::from(Errno::MFILE)));
        assert_eq!(number_of(&error), Some(Errno::MFILE.raw_os_error()));
        assert_eq!(kind_of(&error), SandboxErrorKind::Exhausted);
        assert!(error.to_string().starts_with("outer: /some/path: "), "{error}");
        assert_eq!(number_of(&io::Error::other("words")), None);
    }

    #[test]
    fn what_is_full_what_takes_no_writes_and_what_ran_out_are_distinguished() {
        let kind = |errno: Errno| kind_of(&io::Error::from(errno));
        assert_eq!(kind(Errno::NOSPC), SandboxErrorKind::StorageFull);
        assert_eq!(kind(Errno::ROFS), SandboxErrorKind::StorageReadOnly);
        assert_eq!(kind(Errno::AGAIN), SandboxErrorKind::Exhausted);
        assert_eq!(kind(Errno::PERM), SandboxErrorKind::Failed);
    }
}
