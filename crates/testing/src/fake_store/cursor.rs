//! Cursors in the list of workers. Every store has its own encoding of them, and so does this one.

use uuid::Uuid;
use workers_domain::ports::PageCursor;
use workers_domain::{Worker, WorkerId};

/// Returns the sort key of the list.
pub(super) fn key(worker: &Worker) -> (i64, WorkerId) {
    (worker.created_at.timestamp_micros(), worker.id)
}

pub(super) fn of(worker: &Worker) -> PageCursor {
    let (created_at, id) = key(worker);
    // The mark makes cursors with another encoding fail.
    PageCursor::from_bytes([&b"F"[..], &created_at.to_be_bytes(), id.as_uuid().as_bytes()].concat())
}

pub(super) fn read(cursor: &PageCursor) -> Option<(i64, WorkerId)> {
    let (created_at, id) = cursor.as_bytes().strip_prefix(b"F")?.split_first_chunk()?;
    let id: [u8; 16] = id.try_into().ok()?;
    Some((i64::from_be_bytes(*created_at), Uuid::from_bytes(id).into()))
}
