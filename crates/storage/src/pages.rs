//! Reads a list with a limit, skipping rows that cannot be read.

use workers_domain::Worker;

use crate::worker_row::WorkerRow;

/// Collects up to `limit` readable workers, page by page. Unreadable rows must not use up the limit: otherwise the rows
/// after them would never be found.
pub(crate) struct Pages {
    limit: i64,
    rows: i64,
    found: Vec<Worker>,
}

impl Pages {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: limit.into(), rows: 0, found: Vec::new() }
    }

    /// Returns which rows to read next: how many, and how many to skip. Returns `None` when there are enough.
    pub(crate) fn next(&self) -> Option<(i64, i64)> {
        let found = i64::try_from(self.found.len()).unwrap_or(i64::MAX);
        (found < self.limit).then_some((self.limit - found, self.rows))
    }

    /// Takes the rows that were read. Returns whether there may be more.
    pub(crate) fn take(&mut self, rows: Vec<WorkerRow>, requested: i64) -> bool {
        let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        // Unreadable rows count too, because the next page begins behind them.
        self.rows += read;
        // Unreadable rows are skipped here. They are logged where workers are listed.
        self.found.extend(rows.into_iter().filter_map(|row| row.into_worker().ok()));
        read == requested
    }

    /// Reads page after page with `read`, which gets how many rows to read and how many to skip.
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
