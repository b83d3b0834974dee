//! A server for tests, and clients for it.

mod app;
mod raw;
mod sse;

pub(crate) use app::{CODE, TestApp, status_and_json};
pub(crate) use raw::RawClient;
pub(crate) use sse::{SseReader, events_of};
