//! A live session: its container, and the commands that ran in it.

mod command;
mod live;
mod run;
mod transfer;

pub(crate) use command::{Command, CommandRequest, Outcome};
pub(crate) use live::{LiveSession, SessionLimits};
pub(crate) use transfer::TransferPermit;
