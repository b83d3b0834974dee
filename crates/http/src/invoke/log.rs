//! The body for a line that a function printed, used by the batch response and the event stream.

use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{DroppedOutput, LogEntry};

/// What both answers say of a line. Each adds in its own words where the line was printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogBody {
    /// The line.
    message: String,
    /// When, in Unix milliseconds.
    #[schema(example = 1_763_890_000_000_i64)]
    timestamp: i64,
    /// What the caps have cut; only on the one line that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<Dropped>,
    /// True where the line was longer than the limits allow, and only its beginning is here; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    cut: bool,
}

/// Output that the caps have cut.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// Lines that are missing, or shorter than they were printed.
    lines: u64,
    /// Bytes that are missing.
    bytes: u64,
}

impl From<LogEntry> for LogBody {
    fn from(entry: LogEntry) -> Self {
        let LogEntry { message, timestamp, dropped, is_cut, stream: _ } = entry;
        Self { message, timestamp: timestamp.timestamp_millis(), dropped: dropped.map(Dropped::from), cut: is_cut }
    }
}

impl From<DroppedOutput> for Dropped {
    fn from(dropped: DroppedOutput) -> Self {
        Self { lines: dropped.lines, bytes: dropped.bytes }
    }
}
