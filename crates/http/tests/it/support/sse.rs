//! Server-sent events as a client reads them.

use std::collections::VecDeque;

use reqwest::Response;
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SseEvent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// Reads events one at a time, as they arrive.
pub(crate) struct SseReader {
    response: Response,
    text: String,
    event: SseEvent,
    ready: VecDeque<SseEvent>,
    pub(crate) comments: usize,
    pub(crate) retry: Option<String>,
}

impl SseReader {
    pub(crate) fn new(response: Response) -> Self {
        let (text, ready) = (String::new(), VecDeque::new());
        Self { response, text, event: SseEvent::empty(), ready, comments: 0, retry: None }
    }

    /// Returns the next event; `None` when the stream has closed.
    pub(crate) async fn next(&mut self) -> Option<SseEvent> {
        while self.ready.is_empty() && self.read_line().await {}
        self.ready.pop_front()
    }

    /// Waits for a comment.
    pub(crate) async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before && self.read_line().await {}
    }

    /// Reads a line; returns false at the end.
    async fn read_line(&mut self) -> bool {
        loop {
            if let Some(end) = self.text.find('\n') {
                let line: String = self.text.drain(..=end).collect();
                self.take(line.trim_end_matches('\n'));
                return true;
            }
            match self.response.chunk().await.unwrap() {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => return false,
            }
        }
    }

    fn take(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::replace(&mut self.event, SseEvent::empty());
            assert!(!event.event.is_empty() && !event.data.is_null(), "an event without a name or data");
            self.ready.push_back(event);
            return;
        }
        let (field, value) = line.split_once(": ").unwrap_or((line, ""));
        match field {
            "" | ":" => self.comments += 1,
            "retry" => self.retry = Some(value.to_owned()),
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                assert!(self.event.data.is_null(), "a second line of data: {line}");
                self.event.data = serde_json::from_str(value).unwrap();
            }
            other => panic!("unknown field {other} in {line}"),
        }
    }
}

impl SseEvent {
    fn empty() -> Self {
        Self { id: String::new(), event: String::new(), data: Value::Null }
    }
}

/// Returns all events up to the end of the stream.
pub(crate) async fn events_of(response: Response) -> Vec<SseEvent> {
    let mut reader = SseReader::new(response);
    let mut events = Vec::new();
    while let Some(event) = reader.next().await {
        events.push(event);
    }
    events
}
