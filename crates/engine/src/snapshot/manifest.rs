//! The list of what is in a content, and the content's address.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 digest, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Digest256(String);

impl Digest256 {
    /// Returns the digest of all bytes that a hasher has got.
    pub(crate) fn finish(hasher: Sha256) -> Self {
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in hasher.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Returns the digest of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// Returns the digest as text: 64 digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first two digits, which are the name of its level.
    pub(super) fn level(&self) -> &str {
        self.0.get(..2).unwrap_or_default()
    }

    /// Returns whether it is 64 digits, as it must be to be used as a file name.
    pub(crate) fn is_well_formed(&self) -> bool {
        Self::is_one(&self.0)
    }

    /// Parses a digest; returns `None` if the text is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::is_one(text).then(|| Self(text.to_owned()))
    }

    fn is_one(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Every entry of a tree, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Manifest {
    entries: Vec<Entry>,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Entry {
    /// Its path below the working directory.
    pub(crate) path: String,
    /// Its kind, with the details of that kind.
    pub(crate) kind: EntryKind,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum EntryKind {
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
        /// The path that it leads to.
        target: String,
    },
}

impl PartialOrd for EntryKind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryKind {
    // Paths are unique, so the kind never decides the order.
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Manifest {
    /// Makes a manifest of these entries.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort();
        Self { entries }
    }

    /// Returns the size of all files together, in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        let size = |entry: &Entry| if let EntryKind::File { size, .. } = entry.kind { size } else { 0 };
        self.entries.iter().map(size).sum()
    }

    /// Returns the content's address: the digest of the manifest. It must stay the same from version to version;
    /// otherwise contents of an earlier version count as damaged, and are made again.
    pub(crate) fn address(&self) -> io::Result<Digest256> {
        Ok(Digest256::of(&serde_json::to_vec(self)?))
    }

    /// Returns the paths of its ordinary files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |entry: &&Entry| matches!(entry.kind, EntryKind::File { .. });
        self.entries.iter().filter(is_file).map(|entry| entry.path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_depends_on_names_and_contents_and_not_on_the_order() {
        let file = |path: &str, content: &[u8]| Entry {
            path: path.to_owned(),
            kind: EntryKind::File { executable: false, size: 1, digest: Digest256::of(content) },
        };
        let address = |entries: Vec<Entry>| Manifest::new(entries).address().unwrap();
        let both = address(vec![file("a", b"1"), file("b", b"2")]);
        assert_eq!(both, address(vec![file("b", b"2"), file("a", b"1")]));
        assert_ne!(both, address(vec![file("a", b"2"), file("b", b"1")]));
        assert!(both.is_well_formed());
    }

    #[test]
    fn the_address_is_that_of_earlier_versions() {
        let file = EntryKind::File { executable: true, size: 4, digest: Digest256::of(b"text") };
        let kinds = [("d", EntryKind::Directory), ("d/f", file), ("l", EntryKind::Link { target: "d/f".to_owned() })];
        let entries = kinds.map(|(path, kind)| Entry { path: path.to_owned(), kind });
        let expected = "7e036c2b21dcc1d9f67e6020f01063b2c871b2c51d27b02209598e4ab09408d3";
        assert_eq!(Manifest::new(entries.into()).address().unwrap().as_str(), expected);
    }
}
