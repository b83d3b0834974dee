//! Long lists, a page at a time.

use std::num::NonZeroU32;

/// Which page of a list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Behind which place, which is the end of an earlier page; `None` for the first page.
    pub after: Option<ListPlace>,
    /// How many entries the page has at most.
    pub limit: NonZeroU32,
}

/// Entries that stand one behind the other in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the list goes on; `None` where it ends.
    pub next: Option<ListPlace>,
}

/// A place in a list: behind one entry, and before the one that follows. It stays what it is when either goes. Only the
/// repository that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlace(Vec<u8>);

impl ListPlace {
    /// Takes a place as a repository spells it.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The place as its repository spells it, in at most a few hundred bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PageRequest {
    /// The first page.
    #[must_use]
    pub const fn first(limit: NonZeroU32) -> Self {
        Self { after: None, limit }
    }

    /// How many entries to read: one more than the page has says whether there is another page.
    #[must_use]
    pub fn one_more(&self) -> usize {
        self.length().saturating_add(1)
    }

    /// [`limit`](Self::limit), to compare with the length of a list.
    #[must_use]
    pub fn length(&self) -> usize {
        usize::try_from(self.limit.get()).unwrap_or(usize::MAX)
    }
}
