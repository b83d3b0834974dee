//! Reading a list on behind rows that cannot be read.

use workers_domain::Worker;

use crate::worker_row::WorkerRow;

/// Collects up to `limit` workers that can be read, page by page: rows that cannot must not fill the only page, or what
/// comes after them would never be seen.
pub(crate) struct Pages {
    limit: i64,
    rows: i64,
    found: Vec<Worker>,
}

impl Pages {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: limit.into(), rows: 0, found: Vec::new() }
    }

    /// Which rows to read next: how many, and after how many; `None` when it is enough.
    pub(crate) fn next(&self) -> Option<(i64, i64)> {
        let found = i64::try_from(self.found.len()).unwrap_or(i64::MAX);
        (found < self.limit).then_some((self.limit - found, self.rows))
    }

    /// Takes what was read, and says whether there may be more.
    pub(crate) fn take(&mut self, rows: Vec<WorkerRow>, asked: i64) -> bool {
        let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.rows += read;
        // What is left out here is told of where workers are listed.
        self.found.extend(rows.into_iter().filter_map(|row| row.into_worker().ok()));
        read == asked
    }

    /// Reads page after page with `read`, which gets how many rows to read, and after how many.
    pub(crate) fn collect<E>(
        limit: u32,
        mut read: impl FnMut(i64, i64) -> Result<Vec<WorkerRow>, E>,
    ) -> Result<Vec<Worker>, E> {
        let mut pages = Self::new(limit);
        while let Some((count, after)) = pages.next() {
            if !pages.take(read(count, after)?, count) {
                break;
            }
        }
        Ok(pages.into_found())
    }

    pub(crate) fn into_found(self) -> Vec<Worker> {
        self.found
    }
}
