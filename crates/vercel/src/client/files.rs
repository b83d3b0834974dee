//! Files of a session.

use reqwest::Method;
use serde_json::json;

use super::Client;
use super::call::{read, within};
use super::upload::{UploadFile, pack};
use crate::error::VercelError;

impl Client {
    /// Writes files in one request and creates missing parent directories. Existing files are replaced.
    ///
    /// Paths start at the root of the file system; a session's working directory is its
    /// [`cwd`](crate::SessionInfo::cwd).
    ///
    /// # Errors
    ///
    /// When the session has ended, a path is invalid, or there is no room.
    pub async fn write_files(&self, session: &str, files: Vec<UploadFile>) -> Result<(), VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "fs", "write"])?;
        let now = u64::try_from(self.now().timestamp()).unwrap_or_default();
        let span = tracing::Span::current();
        // Compressing a large file takes long enough to hold up other tasks of the thread.
        let packed = tokio::task::spawn_blocking(move || span.in_scope(|| pack(&files, now)))
            .await
            .map_err(std::io::Error::other)
            .and_then(|packed| packed)
            .map_err(VercelError::Pack)?;
        self.send_ignoring_body(&call.gzip(packed).timeout(self.timeouts().upload)).await
    }

    /// Returns the contents of a file, or `None` if it does not exist. A relative path is resolved against the working
    /// directory.
    ///
    /// # Errors
    ///
    /// When the session has ended, or the file is longer than `limit` or cannot be read.
    pub async fn read_file(&self, session: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, VercelError> {
        let timeout = self.timeouts().upload;
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "fs", "read"])?
            .json(&json!({ "path": path }))?
            .timeout(timeout);
        let mut response = match self.open(&call).await {
            Err(error) if error.is_not_found() => return Ok(None),
            opened => opened?,
        };
        within(timeout, read(&mut response, limit, timeout)).await.map(Some)
    }

    /// Creates a directory and missing parent directories. Succeeds if the directory exists.
    ///
    /// # Errors
    ///
    /// When the session has ended, or a file with this path exists.
    pub async fn make_directory(&self, session: &str, path: &str) -> Result<(), VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "fs", "mkdir"])?
            .json(&json!({ "path": path, "recursive": true }))?;
        self.send_ignoring_body(&call).await
    }
}
