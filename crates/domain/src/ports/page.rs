//! Pagination of long lists.

use std::num::NonZeroU32;

/// A request for one page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the page starts: the end of an earlier page. `None` requests the first page.
    pub after: Option<PageCursor>,
    /// Maximum number of entries on the page.
    pub limit: NonZeroU32,
}

/// Consecutive entries of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; `None` if the list ends here.
    pub next: Option<PageCursor>,
}

/// A position in a list, between one entry and the next. It stays valid when either entry is deleted. Only the
/// repository that created it can interpret it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor(Vec<u8>);

impl PageCursor {
    /// Creates a cursor from the bytes of a repository.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that the repository uses for the cursor: at most a few hundred.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PageRequest {
    /// Creates a request for the first page.
    #[must_use]
    pub const fn first(limit: NonZeroU32) -> Self {
        Self { after: None, limit }
    }

    /// Returns how many entries to read: one more than fits on the page. The extra entry shows whether there is another
    /// page.
    #[must_use]
    pub fn one_more(&self) -> usize {
        self.length().saturating_add(1)
    }

    /// Returns [`limit`](Self::limit) as a `usize`, to compare with the length of a list.
    #[must_use]
    pub fn length(&self) -> usize {
        usize::try_from(self.limit.get()).unwrap_or(usize::MAX)
    }
}
