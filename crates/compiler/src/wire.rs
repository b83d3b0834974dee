//! The protocol between server and compiler process, over two pipes.
//!
//! The process first sends [`Hello`]. Then they repeat: the server sends a source, as its length and its bytes; the
//! process responds with a frame: the lengths of head and body, the head in JSON, and the body, which is the unescaped
//! text of the script. Lengths are little-endian. The server checks everything from a process against limits, because
//! the process has read a user's text.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use workers_service::{Diagnostic, DiagnosticKind};

/// Maximum length of a head in bytes. The name of a function takes a few bytes of the source, and twenty diagnostics a
/// few kilobytes.
const MAX_HEAD_BYTES: u32 = 64 << 20;
/// Maximum length of a script in bytes. With positions for every token a script is about twice its source.
const MAX_BODY_BYTES: u32 = 512 << 20;

/// The first message of the process. Without a problem, the process is confined and reads sources from now on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) problem: Option<String>,
}

/// The head of a response.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) verdict: Verdict,
    /// Whether the process waits for another source; otherwise it exits.
    pub(crate) stays: bool,
    /// The message of a panic, for the log.
    pub(crate) panic: Option<String>,
}

/// The result for a source.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// The source was compiled. The body is the text of the script.
    Script { functions: Vec<String> },
    /// The source has errors.
    Diagnostics(Vec<WireDiagnostic>),
    /// The source took too much memory.
    TooLarge,
    /// The process could not get a thread or the address space for its stack; the text says which.
    OutOfResources(String),
    /// The compiler failed because of a bug of its own.
    Internal(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireDiagnostic(#[serde(with = "DiagnosticShape")] pub(crate) Diagnostic);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Diagnostic")]
struct DiagnosticShape {
    #[serde(with = "DiagnosticKindShape")]
    kind: DiagnosticKind,
    message: String,
    line: u32,
    column: u32,
    code_frame: String,
    help: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DiagnosticKind")]
enum DiagnosticKindShape {
    SyntaxError,
    NoExportedFunction,
    InvalidFunctionName,
    UnsupportedImport,
    UnsupportedSyntax,
    TooDeep,
}

/// Sends a source. Called by the server.
pub(crate) async fn send_source(mut pipe: impl AsyncWrite + Unpin, source: &str) -> io::Result<()> {
    pipe.write_all(&length(source.len())?).await?;
    pipe.write_all(source.as_bytes()).await
}

/// Receives a source; `None` when the server has closed the pipe. Called by the process.
pub(crate) fn receive_source(mut pipe: impl Read) -> io::Result<Option<String>> {
    let mut bytes = [0; 4];
    match pipe.read_exact(&mut bytes) {
        // No source follows: the server has closed the pipe between two sources, or died while it sent one.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    // No limit: the length comes from the server, which has checked the size of the source.
    let mut source = vec![0; usize::try_from(u32::from_le_bytes(bytes)).map_err(io::Error::other)?];
    pipe.read_exact(&mut source)?;
    String::from_utf8(source).map(Some).map_err(io::Error::other)
}

/// Sends a frame. Called by the process.
pub(crate) fn send_frame(mut pipe: impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    let lengths = [length(head.len())?, length(body.len())?];
    // Lengths and head need one write together. The body may be megabytes, so it is not copied to join them.
    pipe.write_all(&[lengths.as_flattened(), &head].concat())?;
    pipe.write_all(body)
}

/// Receives a frame. Called by the server.
pub(crate) async fn receive_frame<T: DeserializeOwned>(mut pipe: impl AsyncRead + Unpin) -> io::Result<(T, Vec<u8>)> {
    let head_length = pipe.read_u32_le().await?;
    let body_length = pipe.read_u32_le().await?;
    if head_length > MAX_HEAD_BYTES || body_length > MAX_BODY_BYTES {
        return Err(io::Error::other("a response of a compiler process is too long"));
    }
    let head = receive_bytes(&mut pipe, head_length).await?;
    let body = receive_bytes(&mut pipe, body_length).await?;
    Ok((serde_json::from_slice(&head)?, body))
}

async fn receive_bytes(pipe: impl AsyncRead + Unpin, length: u32) -> io::Result<Vec<u8>> {
    let expected = usize::try_from(length).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(expected);
    pipe.take(length.into()).read_to_end(&mut bytes).await?;
    if bytes.len() == expected { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn length(bytes: usize) -> io::Result<[u8; 4]> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_arrives_as_it_was_sent() {
        let diagnostic = Diagnostic {
            kind: DiagnosticKind::UnsupportedImport,
            message: "\u{1f980} \" \\ \n".to_owned(),
            line: 3,
            column: u32::MAX,
            code_frame: String::new(),
            help: None,
        };
        let verdict = Verdict::Diagnostics(vec![WireDiagnostic(diagnostic.clone())]);
        let mut sent = Vec::new();
        send_frame(&mut sent, &Response { verdict, stays: true, panic: None }, b"body").unwrap();
        let (response, body) = receive_frame::<Response>(&*sent).await.unwrap();
        let Verdict::Diagnostics(diagnostics) = response.verdict else { panic!("{response:?}") };
        assert_eq!(diagnostics[0].0, diagnostic);
        assert_eq!((response.stays, &*body), (true, &b"body"[..]));
    }

    #[tokio::test]
    async fn a_source_arrives_as_it_was_sent_and_then_comes_the_end() {
        let mut sent = Vec::new();
        send_source(&mut sent, "ü\0").await.unwrap();
        let mut pipe = &*sent;
        assert_eq!(receive_source(&mut pipe).unwrap().as_deref(), Some("ü\0"));
        assert_eq!(receive_source(&mut pipe).unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_or_broken_off_is_an_error() {
        let mut long = u32::MAX.to_le_bytes().to_vec();
        long.extend([0; 4]);
        assert!(receive_frame::<Hello>(&*long).await.is_err());
        assert!(receive_frame::<Hello>(&[2, 0, 0, 0, 9, 0, 0, 0, b'{', b'}'][..]).await.is_err());
    }
}
