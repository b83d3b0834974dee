//! How a worker script and the platform speak. The platform starts the script with arguments and variables ([`Call`]);
//! the script answers on its standard output with frames, which a [`Decoder`] reads and an [`Encoder`] writes.
//! `PROTOCOL.md` beside this crate's sources is the contract; the harness in `crates/transpiler/js` is its other side.
//!
//! All that a script says may be forged by the code that runs in it: a decoder believes nothing about sizes, and what it
//! gives has to be compared with what was measured outside of the sandbox.
//!
//! ```
//! use workers_protocol::{Decoder, Encoder, OutputStream, Piece};
//!
//! let token = "0123456789abcdef0123456789abcdef";
//! let encoder = Encoder::new(token);
//! let mut decoder = Decoder::new(token, 1024);
//! let mut pieces = Vec::new();
//! decoder.push(&encoder.chunk(OutputStream::Stdout, 1_763_890_000_000, "hi\n"), |piece| pieces.push(piece));
//! let text = "hi\n".to_owned();
//! assert_eq!(pieces, [Piece::Chunk { stream: OutputStream::Stdout, at_millis: 1_763_890_000_000, text }]);
//! ```

mod call;
mod decoder;
mod encoder;
mod outcome;

pub use call::{Call, MAX_INLINE_PAYLOAD, Payload, RESULT_LIMIT_VARIABLE, ReceivedCall, TOKEN_VARIABLE};
pub use decoder::{Decoder, Piece};
pub use encoder::Encoder;
pub use outcome::{ErrorRecord, Meta, OutcomeCode, OutcomeFrame, Warning};

/// Begins a frame.
pub const SEPARATOR: u8 = 0x1e;

/// Stands between the two parts of an outcome.
pub const UNIT: char = '\u{1f}';

/// Stands before the JSON of a result or an error record.
pub const RESULT_BEGIN: &str = "__RESULT__";

/// Stands behind it.
pub const RESULT_END: &str = "__END_RESULT__";

/// The longest frame that a script writes, in bytes: what a pipe takes in one piece (`PIPE_BUF` of Linux).
pub const MAX_FRAME: usize = 4096;

/// The exit code of a process whose function waits for something that can never happen. It is Node.js's own.
pub const EXIT_UNSETTLED: i32 = 13;

/// The signal by which a script ends its own process when it has an outcome and no way to write it.
pub const SIGNAL_UNWRITTEN: i32 = 64;

/// Which of the two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
