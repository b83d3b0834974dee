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
    ready: VecDeque<SseEvent>,
    pub(crate) comments: usize,
    pub(crate) retry: Option<String>,
}

impl SseReader {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, text: String::new(), ready: VecDeque::new(), comments: 0, retry: None }
    }

    /// The next event; `None` when the stream has closed.
    pub(crate) async fn next(&mut self) -> Option<SseEvent> {
        while self.ready.is_empty() && self.read_block().await {}
        self.ready.pop_front()
    }

    /// Waits for a comment.
    pub(crate) async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before && self.read_block().await {}
    }

    /// Reads up to the next empty line; false at the end.
    async fn read_block(&mut self) -> bool {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                self.take(&block);
                return true;
            }
            match self.response.chunk().await.unwrap() {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => return false,
            }
        }
    }

    fn take(&mut self, block: &str) {
        let mut event = SseEvent { id: String::new(), event: String::new(), data: Value::Null };
        for line in block.trim_end().lines() {
            let (field, value) = line.split_once(": ").unwrap_or((line, ""));
            match field {
                "" | ":" => self.comments += 1,
                "retry" => self.retry = Some(value.to_owned()),
                "id" => value.clone_into(&mut event.id),
                "event" => value.clone_into(&mut event.event),
                "data" => {
                    assert!(event.data.is_null(), "more than one line of data in {block}");
                    event.data = serde_json::from_str(value).unwrap();
                }
                other => panic!("unknown field {other} in {block}"),
            }
        }
        if !event.event.is_empty() {
            self.ready.push_back(event);
        }
    }
}

/// All events up to the end of the stream.
pub(crate) async fn events_of(response: Response) -> Vec<SseEvent> {
    let mut reader = SseReader::new(response);
    let mut events = Vec::new();
    while let Some(event) = reader.next().await {
        events.push(event);
    }
    events
}
