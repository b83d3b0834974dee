//! Ranges of host user ids; each engine on this host has one range.
//!
//! The kernel has limits per user, for example on the pages of pipes and on descriptors in flight. Two servers whose
//! sandboxes have the same ids could use up each other's limits. So an engine locks the number of its range in a
//! directory that all servers of the host share.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use workers_private_files::{make_data_directory, open_file};

/// The directory where root's engines lock the numbers of their ranges. It is empty after a restart of the host, when
/// no engine runs.
const LOCKS: &str = "/run/workers-platform";

/// The ranges of one kind of sandbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranges {
    /// The prefix of the locks' names.
    pub(crate) kind: &'static str,
    /// The number of ranges.
    pub(crate) count: u32,
}

/// A range that no other engine on this host has.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) number: u32,
    /// Held as long as the range is used; `None` where ranges are not locked.
    _lock: Option<File>,
}

impl Ranges {
    /// Takes the range of this number if it is free, or else the next free one. Only root can give sandboxes ids of
    /// their own, so for other users nothing is locked.
    ///
    /// # Errors
    ///
    /// When other engines have all ranges.
    pub(crate) fn reserve(self, preferred: u32) -> io::Result<Reserved> {
        if rustix::process::geteuid().is_root() {
            self.reserve_in(Path::new(LOCKS), preferred)
        } else {
            Ok(Reserved { number: preferred % self.count, _lock: None })
        }
    }

    fn reserve_in(self, locks: &Path, preferred: u32) -> io::Result<Reserved> {
        let Self { kind, count } = self;
        let numbers = (0..count).map(|step| preferred.wrapping_add(step) % count);
        for number in numbers {
            match self.lock(locks, number) {
                Ok(Some(lock)) => return Ok(Reserved { number, _lock: Some(lock) }),
                Ok(None) => {}
                Err(error) => {
                    // No reason not to start: ids in common only let the sandboxes of both servers use up each other's
                    // limits.
                    tracing::warn!(
                        error = %error,
                        "user ids of {kind} cannot be reserved: another server on this host may use the same ones"
                    );
                    return Ok(Reserved { number, _lock: None });
                }
            }
        }
        Err(io::Error::other(format!(
            "{count} servers on this host have user ids for {kind}, and there are none for another (locks in {})",
            locks.display()
        )))
    }

    /// Takes the lock of a number; returns `None` while another engine holds it.
    fn lock(self, locks: &Path, number: u32) -> io::Result<Option<File>> {
        let file = open_file(&make_data_directory(locks)?.join(format!("{}-{number}.lock", self.kind)))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: Ranges = Ranges { kind: "sandboxes", count: 3 };

    #[test]
    fn no_two_engines_have_the_same_range_until_one_ends() {
        let locks = tempfile::tempdir().unwrap();
        let locks = locks.path().join("locks");
        // 5 is number 2 of three ranges; the next one after it is number 0.
        let one = RANGES.reserve_in(&locks, 5).unwrap();
        let other = RANGES.reserve_in(&locks, 5).unwrap();
        assert_eq!((one.number, other.number), (2, 0));
        drop(one);
        assert_eq!(RANGES.reserve_in(&locks, 2).unwrap().number, 2);
    }

    #[test]
    fn ranges_of_other_kinds_do_not_count() {
        let locks = tempfile::tempdir().unwrap();
        let locks = locks.path().join("locks");
        let _one = RANGES.reserve_in(&locks, 1).unwrap();
        let containers = Ranges { kind: "machines", ..RANGES };
        assert_eq!(containers.reserve_in(&locks, 1).unwrap().number, 1);
    }

    #[test]
    fn an_engine_is_refused_when_others_have_all_ranges() {
        let locks = tempfile::tempdir().unwrap();
        let locks = locks.path().join("locks");
        let _all: Vec<_> = (0..3).map(|_| RANGES.reserve_in(&locks, 0).unwrap()).collect();
        let error = RANGES.reserve_in(&locks, 0).unwrap_err().to_string();
        assert!(error.contains("3 servers on this host have user ids for sandboxes"), "{error}");
    }

    #[test]
    fn an_engine_starts_where_ranges_cannot_be_locked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(RANGES.reserve_in(&file.path().join("locks"), 4).unwrap().number, 1);
    }
}
