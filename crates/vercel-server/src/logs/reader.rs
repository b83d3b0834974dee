//! Reads the log of a command while it is being written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::sync::watch;

use super::log::{CommandLog, Progress};
use crate::session::TransferPermit;
use crate::store::blocking;

/// Maximum number of bytes in one read.
const PIECE: u64 = 64 * 1024;

/// Reads a log from its beginning to its end.
#[derive(Debug)]
pub(crate) struct LogReader {
    log: Arc<CommandLog>,
    progress: watch::Receiver<Progress>,
    position: u64,
    /// Opened once, so that it stays readable after the file is removed.
    file: Option<Arc<File>>,
    /// Counts this reader against the session's limit of transfers.
    _permit: Option<TransferPermit>,
}

impl LogReader {
    /// Creates a reader at the beginning of the log.
    pub(crate) fn new(log: Arc<CommandLog>) -> Self {
        let progress = log.progress();
        Self { log, progress, position: 0, file: None, _permit: None }
    }

    /// Keeps `permit` for as long as the reader exists.
    pub(crate) fn with_permit(self, permit: TransferPermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }

    /// Waits for the next piece and returns it; `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let position = self.position;
        // The sender cannot be dropped: `self.log` holds it.
        let written = match self.progress.wait_for(|progress| progress.written > position || progress.closed).await {
            Ok(progress) => progress.written,
            Err(_) => return Ok(None),
        };
        if written == position {
            return Ok(None);
        }
        let length = usize::try_from((written - position).min(PIECE)).unwrap_or_default();
        let (open, log) = (self.file.clone(), Arc::clone(&self.log));
        let (file, piece) = blocking(move || {
            let file = open.map_or_else(|| File::open(log.path()).map(Arc::new), Ok)?;
            let mut piece = vec![0; length];
            file.read_exact_at(&mut piece, position)?;
            Ok((file, piece))
        })
        .await?;
        self.file = Some(file);
        self.position += piece.len() as u64;
        Ok(Some(Bytes::from(piece)))
    }

    /// Returns the whole log as a stream.
    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        try_unfold(self, |mut reader| async move { Ok(reader.next().await?.map(|piece| (piece, reader))) })
    }
}
