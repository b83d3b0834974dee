//! What commands print: kept in a file each, as the lines that clients are sent, so that any number of readers can
//! begin at the beginning while it is still written, and none of it is held in memory.

mod line;
mod log;
mod reader;

pub(crate) use line::{ascii, error_line};
pub(crate) use log::{CommandLog, LogBudget, LogWriter};
pub(crate) use reader::LogReader;
