//! `/v2/sandboxes/sessions/{session}/fs`

use std::io;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use workers_domain::error_chain;
use workers_domain::ports::{ByteSource, SandboxError, SandboxErrorKind};

use super::request::{Json, unread};
use super::response::json;
use crate::auth::Caller;
use crate::body::absolute;
use crate::error::{ApiError, ErrorCode};
use crate::registry::Registry;
use crate::sizes::TRANSFER_DESCRIPTORS;

/// Pieces of an archive that may wait to be unpacked.
const PIECES: usize = 8;

/// `POST …/fs/write`: a gzipped tar archive.
#[tracing::instrument(name = "files.write", skip_all, fields(session.id = path.as_str()))]
pub(super) async fn write(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.options().max_upload_bytes;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // Refused before anything is unpacked, so that no part of the archive is left in the sandbox.
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let session = registry.live(&caller.team, &path)?;
    let transfer = session.transfer(TRANSFER_DESCRIPTORS)?;
    let directory = match request.headers().get("x-cwd").map(|value| value.to_str()) {
        None => "/",
        Some(Ok(directory)) => directory,
        Some(Err(_)) => return Err(ApiError::bad_request("`x-cwd` must be ASCII.")),
    };
    let directory = absolute(directory, session.container().home())?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let live = Arc::clone(&session);
    let unpack = async move {
        let mut archive = Upload { pieces: receiver, is_whole: false, broke_off: false };
        let unpacked = live.while_open(live.container().write_archive(&directory, &mut archive)).await;
        drop(transfer);
        unpacked.map_err(|error| write_error(&error, archive.broke_off))
    };
    // When the client breaks off its body, the archive breaks off too, so both errors name the cause, and either can be
    // returned.
    let (unpacked, sent) = tokio::join!(registry.to_completion(|_| unpack), send(payload, sender, limit));
    sent?;
    unpacked?;
    json(&json!({}))
}

/// Forwards a request body piece by piece, as fast as the receiver takes it.
async fn send(mut payload: Payload, sender: mpsc::Sender<Option<Bytes>>, limit: u64) -> Result<(), ApiError> {
    let mut length: u64 = 0;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error| unread(&error))?;
        length = length.saturating_add(piece.len() as u64);
        if length > limit {
            return Err(too_large(limit));
        }
        if !piece.is_empty() && sender.send(Some(piece)).await.is_err() {
            // The receiver is dropped, so the rest is not needed; the response contains the receiver's error.
            return Ok(());
        }
    }
    // If the unpacking has ended before, its own result is the response.
    let _ = sender.send(None).await;
    Ok(())
}

/// Returns the error for a failed write. A connection that the client closed is logged at debug level only: it is not
/// an error of the server, and the response has no reader.
fn write_error(error: &SandboxError, broke_off: bool) -> ApiError {
    if broke_off {
        tracing::debug!(error = error_chain(error), "an archive was not sent to its end");
        return ApiError::bad_request("The request body broke off.");
    }
    match error.kind {
        SandboxErrorKind::FileNotFound => ApiError::from_sandbox_error(ErrorCode::FileError, error),
        _ => ApiError::from_container(error),
    }
}

fn too_large(limit: u64) -> ApiError {
    ApiError::new(ErrorCode::TooLarge, format!("An archive of files must have at most {limit} bytes."))
}

/// A request body that is being received.
struct Upload {
    /// The pieces of the body, then `None` at its end. If the channel closes without `None`, the body was cut off.
    pieces: mpsc::Receiver<Option<Bytes>>,
    is_whole: bool,
    broke_off: bool,
}

#[async_trait]
impl ByteSource for Upload {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_whole {
            return Ok(None);
        }
        match self.pieces.recv().await {
            Some(Some(piece)) => Ok(Some(piece.into())),
            Some(None) => {
                self.is_whole = true;
                Ok(None)
            }
            None => {
                self.broke_off = true;
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }
}

/// The file or directory of a request.
#[derive(Debug, Deserialize)]
pub(super) struct PathRequest {
    path: String,
    cwd: Option<String>,
    #[serde(default)]
    recursive: bool,
}

impl PathRequest {
    fn absolute(&self, home: &str) -> Result<String, ApiError> {
        if self.path.is_empty() {
            return Err(ApiError::bad_request("`path` must not be empty."));
        }
        absolute(&self.path, &absolute(self.cwd.as_deref().unwrap_or_default(), home)?)
    }
}

/// `POST …/fs/read`
#[tracing::instrument(name = "files.read", skip_all, fields(session.id = path.as_str()))]
pub(super) async fn read(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<PathRequest>,
) -> Result<HttpResponse, ApiError> {
    let session = registry.live(&caller.team, &path)?;
    let transfer = session.transfer(TRANSFER_DESCRIPTORS)?;
    let file = body.0.absolute(session.container().home())?;
    let live = Arc::clone(&session);
    let name = file.rsplit('/').next().unwrap_or_default().to_owned();
    let open = async move {
        let opened = live.while_open(live.container().read_file(&file)).await;
        opened.map(|source| (source, transfer)).map_err(|error| ApiError::from_container(&error))
    };
    let source = registry.to_completion(|_| open).await?;
    // The permit goes with the stream, because the descriptors stay open until the client has read all of it.
    let pieces = try_unfold(source, |(mut source, transfer)| async move {
        Ok::<_, io::Error>(source.next().await?.map(|piece| (Bytes::from(piece), (source, transfer))))
    });
    // A quote, a backslash or a control character would break the header.
    let plain = |symbol: char| if symbol.is_ascii_graphic() && symbol != '"' && symbol != '\\' { symbol } else { '_' };
    let name: String = name.chars().map(plain).collect();
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(pieces))
}

/// `POST …/fs/mkdir`
#[tracing::instrument(name = "files.make_directory", skip_all, fields(session.id = path.as_str()))]
pub(super) async fn make_directory(
    registry: Data<Registry>,
    caller: Caller,
    path: Path<String>,
    body: Json<PathRequest>,
) -> Result<HttpResponse, ApiError> {
    let session = registry.live(&caller.team, &path)?;
    let transfer = session.transfer(TRANSFER_DESCRIPTORS)?;
    let directory = body.0.absolute(session.container().home())?;
    let live = Arc::clone(&session);
    let make = async move {
        let made = live.while_open(live.container().make_directory(&directory, body.0.recursive)).await;
        drop(transfer);
        made.map_err(|error| write_error(&error, false))
    };
    registry.to_completion(|_| make).await?;
    json(&json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_its_client_broke_off_is_no_failure_of_the_server() {
        let failed = || SandboxError::new(SandboxErrorKind::Failed, "the tool got no end");
        assert_eq!(write_error(&failed(), true).code(), ErrorCode::BadRequest);
        assert_eq!(write_error(&failed(), false).code(), ErrorCode::Internal);
    }
}
