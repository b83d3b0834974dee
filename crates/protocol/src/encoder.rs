//! Encodes the messages of a script into bytes of its standard output, for fakes and tests. The harness has its own
//! encoder.

use crate::outcome::Meta;
use crate::{MAX_FRAME, OutputStream, RESULT_BEGIN, RESULT_END, SEPARATOR, UNIT};

/// Writes frames with one token.
#[derive(Debug, Clone)]
pub struct Encoder {
    token: String,
}

impl Encoder {
    /// Creates an encoder for frames with this token.
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into() }
    }

    /// Returns a frame with this body, whose first byte is the kind. Nothing is checked, so that tests can also write
    /// invalid frames.
    #[must_use]
    pub fn frame(&self, body: impl AsRef<[u8]>) -> Vec<u8> {
        [&[SEPARATOR], self.token.as_bytes(), body.as_ref(), b"\n"].concat()
    }

    /// Returns the frame that says that the harness has started.
    #[must_use]
    pub fn started(&self) -> Vec<u8> {
        self.frame("S")
    }

    /// Returns a frame with console output, printed at this Unix time in milliseconds. The text must be short, because
    /// it is not split.
    #[must_use]
    pub fn chunk(&self, stream: OutputStream, at_millis: i64, text: &str) -> Vec<u8> {
        let kind = match stream {
            OutputStream::Stdout => 'O',
            OutputStream::Stderr => 'E',
        };
        self.frame(format!("{kind}{at_millis}:{}", serde_json::Value::from(text)))
    }

    /// Returns the outcome, in as many frames as necessary.
    #[must_use]
    pub fn outcome(&self, meta: &Meta, json: &str) -> Vec<u8> {
        let meta = serde_json::to_value(meta).unwrap_or_default();
        let whole = format!("{meta}{UNIT}{RESULT_BEGIN}{json}{RESULT_END}").into_bytes();
        // The overhead of a frame: token, separator, kind and line end.
        let room = MAX_FRAME - self.token.len() - 3;
        let count = whole.len().div_ceil(room);
        let parts = whole.chunks(room).enumerate();
        let frames = parts.map(|(index, part)| {
            let kind = if index + 1 == count { b"R" } else { b"r" };
            self.frame([kind, part].concat())
        });
        frames.collect::<Vec<_>>().concat()
    }

    /// Returns the outcome of a function that threw an `Error` with this message.
    #[must_use]
    pub fn thrown(&self, message: &str) -> Vec<u8> {
        let record = serde_json::json!({ "__error": true, "message": message, "name": "Error", "stack": "Error" });
        self.outcome(&Meta::default(), &record.to_string())
    }
}
