//! The output of commands. Each command has a file with the lines that clients receive. So any number of readers can
//! read from the beginning while the file is still being written, and no output is held in memory.

mod line;
mod log;
mod reader;

pub(crate) use line::{ascii, error_line};
pub(crate) use log::{CommandLog, LogBudget, LogWriter};
pub(crate) use reader::LogReader;
