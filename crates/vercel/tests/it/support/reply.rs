//! What the server answers, and how it fails to.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// An answer, or what is done instead.
#[derive(Clone)]
pub(crate) struct Reply {
    head: Option<String>,
    parts: Vec<Part>,
    end: End,
    /// Whether the request does what it asks for, whatever is answered.
    pub(super) takes_effect: bool,
}

#[derive(Clone)]
enum Part {
    Bytes(Vec<u8>),
    /// Waits until the test says so.
    Gate(Arc<Semaphore>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// In order.
    Whole,
    /// The connection is closed in the middle.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing more comes, and the connection stays.
    Stall,
}

impl Reply {
    fn new(head: Option<String>, end: End) -> Self {
        Self { head, parts: Vec::new(), end, takes_effect: false }
    }

    /// JSON with this status.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let mut reply = Self::new(Some(head), End::Whole);
        reply.parts.push(Part::Bytes(body.into_bytes()));
        reply.takes_effect = (200..300).contains(&status);
        reply
    }

    /// An error as the API tells them.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": format!("It is {code}.")}}))
    }

    /// Bytes as they are.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        let head =
            format!("HTTP/1.1 200 X\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n", bytes.len());
        let mut reply = Self::new(Some(head), End::Whole);
        reply.parts.push(Part::Bytes(bytes.to_vec()));
        reply
    }

    /// Lines of JSON.
    pub(crate) fn stream(lines: &[Value]) -> Self {
        let head = "HTTP/1.1 200 X\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n";
        Self::new(Some(head.to_owned()), End::Whole).lines(lines)
    }

    /// No answer, and the connection is reset.
    pub(crate) fn reset() -> Self {
        Self::new(None, End::Reset)
    }

    /// No answer, ever.
    pub(crate) fn silence() -> Self {
        Self::new(None, End::Stall)
    }

    /// More lines of a stream.
    pub(crate) fn lines(mut self, lines: &[Value]) -> Self {
        for line in lines {
            self = self.raw_line(&line.to_string());
        }
        self
    }

    /// Whatever it is, as a line of a stream.
    pub(crate) fn raw_line(mut self, line: &str) -> Self {
        self.parts.push(Part::Bytes(format!("{:x}\r\n{line}\n\r\n", line.len() + 1).into_bytes()));
        self
    }

    /// Goes on when the gate is opened.
    pub(crate) fn gate(mut self, gate: &Arc<Semaphore>) -> Self {
        self.parts.push(Part::Gate(Arc::clone(gate)));
        self
    }

    /// Begins when the gate is opened.
    pub(crate) fn gate_first(mut self, gate: &Arc<Semaphore>) -> Self {
        self.parts.insert(0, Part::Gate(Arc::clone(gate)));
        self
    }

    pub(crate) fn then_cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    pub(crate) fn then_reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    pub(crate) fn then_stall(mut self) -> Self {
        self.end = End::Stall;
        self
    }

    /// With half of its body missing.
    pub(crate) fn half(mut self) -> Self {
        if let Some(Part::Bytes(bytes)) = self.parts.first_mut() {
            bytes.truncate(bytes.len() / 2);
        }
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(head) = &mut self.head {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self
    }

    /// The request does what it asks for, although the answer does not say so.
    pub(crate) fn with_effect(mut self) -> Self {
        self.takes_effect = true;
        self
    }

    /// Sends it; answers whether the connection can be used again.
    pub(super) async fn send(self, stream: &mut TcpStream) -> bool {
        self.try_send(stream).await.unwrap_or(false)
    }

    async fn try_send(self, stream: &mut TcpStream) -> std::io::Result<bool> {
        let is_chunked = self.head.as_ref().is_some_and(|head| head.contains("chunked"));
        if let Some(head) = self.head {
            stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        }
        for part in self.parts {
            match part {
                Part::Bytes(bytes) => stream.write_all(&bytes).await?,
                Part::Gate(gate) => gate.acquire().await.unwrap().forget(),
            }
        }
        match self.end {
            End::Whole if is_chunked => stream.write_all(b"0\r\n\r\n").await?,
            End::Whole => {}
            End::Cut => return Ok(false),
            End::Reset => {
                stream.set_zero_linger()?;
                return Ok(false);
            }
            // Until the other side has had enough.
            End::Stall => {
                stream.readable().await?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn command(exit_code: Option<i32>) -> Value {
    json!({"command": {
        "id": "cmd_1", "name": "node", "args": [], "cwd": "/vercel", "sessionId": "sbx_1",
        "startedAt": 1_790_987_499_452_i64, "exitCode": exit_code,
    }})
}

/// The first line of a waited command, and its state while it runs.
pub(crate) fn started() -> Value {
    command(None)
}

/// The last line of a waited command, and its state afterwards.
pub(crate) fn finished(exit_code: i32) -> Value {
    command(Some(exit_code))
}

/// A line of output.
pub(crate) fn output(stream: &str, data: &str) -> Value {
    json!({"stream": stream, "data": data})
}
