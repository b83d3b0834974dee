//! What is in a content, and whether it still is.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::copy;

/// A SHA-256 digest, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Digest256(String);

impl Digest256 {
    /// The digest of what a hasher has seen.
    pub(crate) fn finish(hasher: Sha256) -> Self {
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in hasher.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The digest of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The digest as text: 64 digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is 64 digits, as it must be to be used as a file name.
    pub(crate) fn is_well_formed(&self) -> bool {
        Self::is_one(&self.0)
    }

    /// Whether a text is 64 digits.
    pub(crate) fn is_one(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Every entry of a tree, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    entries: Vec<Entry>,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its path below the working directory.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// An ordinary file.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// Its size in bytes.
        size: u64,
        /// Its content's digest.
        digest: Digest256,
    },
    /// A symbolic link.
    Link {
        /// Where to.
        target: String,
    },
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    // Paths are unique, so what is at them never decides.
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Manifest {
    /// A manifest of these entries.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort();
        Self { entries }
    }

    /// The files' size together.
    pub(crate) fn size_bytes(&self) -> u64 {
        let size = |entry: &Entry| if let Kind::File { size, .. } = entry.kind { size } else { 0 };
        self.entries.iter().map(size).sum()
    }

    /// As it is written, and the digest of that, which is the content's address.
    pub(crate) fn encode(&self) -> io::Result<(Vec<u8>, Digest256)> {
        let bytes = serde_json::to_vec(self)?;
        let digest = Digest256::of(&bytes);
        Ok((bytes, digest))
    }

    /// Reads one back; `None` unless it has this address.
    pub(crate) fn decode(bytes: &[u8], address: &Digest256) -> Option<Self> {
        (Digest256::of(bytes) == *address).then(|| serde_json::from_slice(bytes).ok()).flatten()
    }

    /// The paths of its ordinary files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. });
        self.entries.iter().filter(is_file).map(|entry| entry.path.as_str())
    }

    /// Whether the tree below `files` has all it says.
    ///
    /// # Errors
    ///
    /// When something cannot be read, or is not there.
    pub(crate) fn matches(&self, files: BorrowedFd<'_>) -> io::Result<bool> {
        for entry in &self.entries {
            let is_right = match &entry.kind {
                Kind::Directory => copy::open(files, &entry.path, OFlags::PATH | OFlags::DIRECTORY).map(|_| true)?,
                Kind::Link { target } => {
                    rustix::fs::readlinkat(files, &entry.path, Vec::new())?.to_bytes() == target.as_bytes()
                }
                Kind::File { size, digest, .. } => {
                    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                    has_digest(File::from(copy::open(files, &entry.path, flags)?), *size, digest)?
                }
            };
            if !is_right {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn has_digest(mut file: File, size: u64, digest: &Digest256) -> io::Result<bool> {
    if file.metadata()?.len() != size {
        return Ok(false);
    }
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let length = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(Digest256::finish(hasher) == *digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_depends_on_names_and_contents_and_not_on_the_order() {
        let file = |path: &str, content: &[u8]| Entry {
            path: path.to_owned(),
            kind: Kind::File { executable: false, size: 1, digest: Digest256::of(content) },
        };
        let address = |entries: Vec<Entry>| Manifest::new(entries).encode().unwrap().1;
        let both = address(vec![file("a", b"1"), file("b", b"2")]);
        assert_eq!(both, address(vec![file("b", b"2"), file("a", b"1")]));
        assert_ne!(both, address(vec![file("a", b"2"), file("b", b"1")]));
        assert!(both.is_well_formed());
    }

    #[test]
    fn a_torn_manifest_is_none() {
        let (mut bytes, address) = Manifest::new(Vec::new()).encode().unwrap();
        assert!(Manifest::decode(&bytes, &address).is_some());
        bytes.pop();
        assert!(Manifest::decode(&bytes, &address).is_none());
    }
}
