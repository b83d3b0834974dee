//! Files of a session.

use reqwest::Method;
use serde_json::json;

use super::Client;
use super::call::{read, within};
use super::upload::pack;
use crate::error::VercelError;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFile {
    /// Where, from the root; with or without the slash in front.
    pub path: String,
    /// What.
    pub contents: Vec<u8>,
    /// Who may do what with it, as `0o644`.
    pub mode: u32,
}

impl UploadFile {
    /// A file that its owner may change and all may read.
    pub fn new(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), contents: contents.into(), mode: 0o644 }
    }
}

impl Client {
    /// Writes files, all in one request, with the directories on the way. Those that exist are replaced.
    ///
    /// Paths start from the root of the file system; a session's working directory is its
    /// [`cwd`](crate::SessionInfo::cwd).
    ///
    /// # Errors
    ///
    /// When the session has ended, a path leads nowhere, or there is no room.
    pub async fn write_files(&self, session: &str, files: Vec<UploadFile>) -> Result<(), VercelError> {
        let call = self.call(Method::POST, &["v2", "sandboxes", "sessions", session, "fs", "write"])?;
        let now = u64::try_from(self.now().timestamp()).unwrap_or_default();
        let span = tracing::Span::current();
        let packed = tokio::task::spawn_blocking(move || span.in_scope(|| pack(&files, now)))
            .await
            .map_err(std::io::Error::other)
            .and_then(|packed| packed)
            .map_err(VercelError::Pack)?;
        self.done(&call.gzip(packed).timeout(self.timeouts().upload)).await
    }

    /// The contents of a file, if it exists. A path that does not start from the root starts from the working
    /// directory.
    ///
    /// # Errors
    ///
    /// When the session has ended, or the file is longer than `limit`, or cannot be read.
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

    /// Makes a directory, with those on the way. One that exists is no error.
    ///
    /// # Errors
    ///
    /// When the session has ended, or something else is in the way.
    pub async fn make_directory(&self, session: &str, path: &str) -> Result<(), VercelError> {
        let call = self
            .call(Method::POST, &["v2", "sandboxes", "sessions", session, "fs", "mkdir"])?
            .json(&json!({ "path": path, "recursive": true }))?;
        self.done(&call).await
    }
}
