//! Cursors in the list of workers: where a page ends and the next one begins.
//!
//! A cursor contains the stored values of the columns that the list is sorted by. Postgres supports times, such as
//! `infinity`, that we cannot represent as a time; a row with such a time has a cursor like any other row.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use uuid::Uuid;
use workers_domain::ports::{PageCursor, RepositoryError};

use crate::schema::workers;
use crate::sql_types::IdValue;
use crate::worker_row::WorkerRow;

/// The first byte of this backend's cursors.
const OURS: u8 = b'P';

/// A worker with its cursor.
#[derive(Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(diesel::pg::Pg))]
pub(super) struct ListedRow {
    #[diesel(embed)]
    pub(super) worker: WorkerRow,
    #[diesel(embed)]
    key: SortKey,
}

/// The columns that the list is sorted by.
#[derive(Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = workers, check_for_backend(diesel::pg::Pg))]
pub(super) struct SortKey {
    pub(super) created_at: PgTimestamp,
    pub(super) id: IdValue,
}

impl ListedRow {
    /// Returns the cursor after this row.
    pub(super) fn cursor(&self) -> PageCursor {
        let mut bytes = vec![OURS];
        bytes.extend(self.key.created_at.0.to_be_bytes());
        bytes.extend(self.key.id.0.as_bytes());
        PageCursor::from_bytes(bytes)
    }
}

impl SortKey {
    pub(super) fn read(cursor: &PageCursor) -> Result<Self, RepositoryError> {
        let read = || {
            // A cursor of SQLite begins with another byte, so after a move to Postgres it is unknown and not misread.
            let (&OURS, bytes) = cursor.as_bytes().split_first()? else { return None };
            let (&created_at, id) = bytes.split_first_chunk()?;
            let id = IdValue(Uuid::from_bytes(id.try_into().ok()?));
            Some(Self { created_at: PgTimestamp(i64::from_be_bytes(created_at)), id })
        };
        read().ok_or(RepositoryError::UnknownCursor)
    }
}
