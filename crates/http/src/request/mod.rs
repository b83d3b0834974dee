//! Reads parts of a request: its body, JSON, the requested page of a list, the accepted response type, the last
//! received event, and the caller.

mod accept;
mod body;
mod caller;
mod compiler_options;
mod json;
mod last_event;
mod page;

pub(crate) use accept::prefers_event_stream;
pub(crate) use body::{Limit, read_body};
pub(crate) use caller::Caller;
pub(crate) use compiler_options::CompilerOptionsField;
pub(crate) use json::{Field, parse_json};
pub(crate) use last_event::watched_before;
pub(crate) use page::{Page, read_page};
