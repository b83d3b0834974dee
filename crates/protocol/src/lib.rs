#![doc = include_str!("../README.md")]

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
