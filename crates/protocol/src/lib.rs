#![doc = include_str!("../README.md")]

mod call;
mod decoder;
mod encoder;
mod outcome;

pub use call::{Call, MAX_INLINE_PAYLOAD, Payload, RESULT_LIMIT_VARIABLE, ReceivedCall, TOKEN_VARIABLE};
pub use decoder::{Decoder, Piece};
pub use encoder::Encoder;
pub use outcome::{ErrorRecord, Meta, OutcomeCode, OutcomeFrame, Warning};

/// The first byte of a frame.
pub const SEPARATOR: u8 = 0x1e;

/// The separator between the two parts of an outcome.
pub const UNIT: char = '\u{1f}';

/// The marker before the JSON of a result or an error record.
pub const RESULT_BEGIN: &str = "__RESULT__";

/// The marker after the JSON of a result or an error record.
pub const RESULT_END: &str = "__END_RESULT__";

/// Maximum size of a frame that a script writes, in bytes: a pipe takes this much in one atomic write (`PIPE_BUF` on
/// Linux).
pub const MAX_FRAME: usize = 4096;

/// The exit code of a process whose function waits for something that can never happen. Node.js itself uses this code.
pub const EXIT_UNSETTLED: i32 = 13;

/// The signal with which a script ends its own process when it has an outcome but cannot write it.
pub const SIGNAL_UNWRITTEN: i32 = 64;

/// One of the two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
