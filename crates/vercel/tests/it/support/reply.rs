//! The replies of the server, including failures.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// A response, or a failure in place of one.
#[derive(Clone)]
pub(crate) struct Reply {
    head: Option<String>,
    parts: Vec<Part>,
    end: End,
    /// Whether the request has its effect, whatever the response is.
    pub(super) takes_effect: bool,
}

#[derive(Clone)]
enum Part {
    Bytes(Vec<u8>),
    /// Waits until the test opens the gate.
    Gate(Arc<Semaphore>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The response ends properly.
    Whole,
    /// The connection is closed in the middle of the response.
    Cut,
    /// The connection is reset.
    Reset,
    /// Nothing more comes, but the connection stays open.
    Stall,
}

impl Reply {
    fn new(head: Option<String>, end: End) -> Self {
        Self { head, parts: Vec::new(), end, takes_effect: false }
    }

    /// Creates a JSON response with this status.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let mut reply = Self::new(Some(head), End::Whole);
        reply.parts.push(Part::Bytes(body.into_bytes()));
        reply.takes_effect = (200..300).contains(&status);
        reply
    }

    /// Creates an error response in the form of the API.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": format!("It is {code}.")}}))
    }

    /// Creates a response with these bytes.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        let head =
            format!("HTTP/1.1 200 X\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n", bytes.len());
        let mut reply = Self::new(Some(head), End::Whole);
        reply.parts.push(Part::Bytes(bytes.to_vec()));
        reply
    }

    /// Creates a response with lines of JSON.
    pub(crate) fn stream(lines: &[Value]) -> Self {
        let head = "HTTP/1.1 200 X\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n";
        Self::new(Some(head.to_owned()), End::Whole).lines(lines)
    }

    /// Creates a reset of the connection without a response.
    pub(crate) fn reset() -> Self {
        Self::new(None, End::Reset)
    }

    /// Creates a reply that never comes.
    pub(crate) fn silence() -> Self {
        Self::new(None, End::Stall)
    }

    /// Adds lines to a stream.
    pub(crate) fn lines(mut self, lines: &[Value]) -> Self {
        for line in lines {
            self = self.raw_line(&line.to_string());
        }
        self
    }

    /// Adds any text as a line to a stream.
    pub(crate) fn raw_line(mut self, line: &str) -> Self {
        self.parts.push(Part::Bytes(format!("{:x}\r\n{line}\n\r\n", line.len() + 1).into_bytes()));
        self
    }

    /// Makes the response stop at this point until the gate is opened.
    pub(crate) fn gate(mut self, gate: &Arc<Semaphore>) -> Self {
        self.parts.push(Part::Gate(Arc::clone(gate)));
        self
    }

    /// Makes the response start only when the gate is opened.
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

    /// Drops half of the body.
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

    /// Makes the request have its effect although the response does not say so.
    pub(crate) fn with_effect(mut self) -> Self {
        self.takes_effect = true;
        self
    }

    /// Sends the reply. Returns whether the connection can be used again.
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
            // Wait until the other side closes the connection.
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

/// Returns the first line of a waited command's stream, which is also its state while it runs.
pub(crate) fn started() -> Value {
    command(None)
}

/// Returns the last line of a waited command's stream, which is also its state after its end.
pub(crate) fn finished(exit_code: i32) -> Value {
    command(Some(exit_code))
}

/// Returns a line of output.
pub(crate) fn output(stream: &str, data: &str) -> Value {
    json!({"stream": stream, "data": data})
}
