//! Reads what the kernel reports about this process in `/proc/self`.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

/// The kinds of namespaces, as `/proc/<pid>/ns` names them.
const NAMESPACE_KINDS: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/// The kernel's directory about this process, `/proc/self`. A sandbox opens it only once, because every invocation pays
/// for each opening.
#[derive(Debug)]
pub(super) struct ProcSelf(OwnedFd);

impl ProcSelf {
    /// Opens it in the `/proc` that this process sees now. Its content does not depend on which mount of `/proc` that
    /// is.
    ///
    /// # Errors
    ///
    /// When there is no `/proc`.
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open("/proc/self", flags, Mode::empty())?))
    }

    /// Opens a file in it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.0, name, flags | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Reads a file in it into `space`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not UTF-8, or does not fit.
    pub(super) fn text<'a>(&self, name: &str, space: &'a mut [MaybeUninit<u8>; BUFFER_SIZE]) -> io::Result<&'a str> {
        let (read, room) = rustix::io::read(self.file(name, OFlags::RDONLY)?, space)?;
        match std::str::from_utf8(read) {
            // The kernel returns such a file in one piece if the buffer is large enough.
            Ok(text) if !room.is_empty() => Ok(text),
            _ => Err(missing(format!("the kernel's `{name}` cannot be read"))),
        }
    }

    /// Reads the namespaces of this process.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read.
    pub(super) fn namespaces(&self) -> io::Result<NamespaceIds> {
        let directory = self.file("ns", OFlags::PATH | OFlags::DIRECTORY)?;
        let mut found = [0; NAMESPACE_KINDS.len()];
        for (number, kind) in found.iter_mut().zip(NAMESPACE_KINDS) {
            let mut space = [MaybeUninit::uninit(); 64];
            let (name, _) = rustix::fs::readlinkat_raw(&directory, kind, &mut space)?;
            *number = number_of(name).ok_or_else(|| missing(format!("the {kind} namespace has no number")))?;
        }
        Ok(NamespaceIds(found))
    }
}

/// The buffer size in bytes; each of the kernel's files about one process fits.
pub(super) const BUFFER_SIZE: usize = 8192;

/// Returns the number in a name such as `net:[4026531840]`.
fn number_of(name: &[u8]) -> Option<u64> {
    std::str::from_utf8(name).ok()?.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// The namespaces of a process, as the kernel's numbers of them, in the order of [`NAMESPACE_KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamespaceIds([u64; NAMESPACE_KINDS.len()]);

impl NamespaceIds {
    /// Returns those of this process.
    ///
    /// # Errors
    ///
    /// When `/proc/self/ns` cannot be read.
    pub(super) fn current() -> io::Result<Self> {
        ProcSelf::open()?.namespaces()
    }

    /// Returns the first kind of namespace that both share.
    pub(super) fn shared_with(&self, other: &Self) -> Option<&'static str> {
        NAMESPACE_KINDS
            .into_iter()
            .zip(self.0.iter().zip(&other.0))
            .find(|(_, (one, two))| one == two)
            .map(|(kind, _)| kind)
    }
}

/// Makes the error that a part of the isolation is missing.
pub(super) fn missing(what: impl fmt::Display) -> io::Error {
    io::Error::other(format!("a part of the isolation is missing: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_shared_is_named() {
        let host = NamespaceIds::current().unwrap();
        let mut inside = NamespaceIds(host.0.map(|number| number + 100_000));
        assert_eq!(inside.shared_with(&host), None);
        inside.0[3] = host.0[3];
        assert_eq!(inside.shared_with(&host), Some("net"));
    }
}
