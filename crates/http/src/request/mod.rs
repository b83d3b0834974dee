//! What is read off a request: its body, the JSON in it, which answer it accepts, and its id.

mod accept;
mod body;
mod id;
mod json;

pub(crate) use accept::prefers_event_stream;
pub(crate) use body::{Limit, read_body};
pub(crate) use id::RequestId;
pub(crate) use json::{Field, parse_json};
