//! Whether a client wants to watch an invocation or to be told how it ended.

use actix_web::http::header::{ACCEPT, HeaderMap};

/// Whether the `Accept` headers name `text/event-stream`, and like it at least as much as JSON. A wildcard names nothing: whoever
/// takes anything gets the plain answer.
pub(crate) fn prefers_event_stream(headers: &HeaderMap) -> bool {
    let mut stream = 0.0_f32;
    let mut json = 0.0_f32;
    for item in headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(quality).unwrap_or(1.0);
        match media_type.as_str() {
            "text/event-stream" => stream = stream.max(quality),
            "application/json" => json = json.max(quality),
            _ => {}
        }
    }
    stream > 0.0 && stream >= json
}

/// The value of a `q` parameter; one that makes no sense counts as "not at all".
fn quality(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    name.trim()
        .eq_ignore_ascii_case("q")
        .then(|| value.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn streams(accept: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        prefers_event_stream(&headers)
    }

    #[test]
    fn whoever_names_the_event_stream_gets_it() {
        assert!(streams(&["text/event-stream"]));
        assert!(streams(&["Text/Event-Stream; charset=utf-8"]));
        assert!(streams(&["application/json, text/event-stream"]));
        assert!(streams(&["text/event-stream;q=0.5, */*;q=0.1"]));
        assert!(streams(&["application/json;q=0.1", "text/event-stream;q=0.2"]));
    }

    #[test]
    fn whoever_takes_anything_gets_the_batch_answer() {
        assert!(!streams(&[]));
        assert!(!streams(&["*/*"]));
        assert!(!streams(&["text/*"]));
        assert!(!streams(&["text/html, application/xhtml+xml"]));
    }

    #[test]
    fn whoever_likes_json_more_gets_the_batch_answer() {
        assert!(!streams(&["text/event-stream;q=0.5, application/json"]));
    }

    #[test]
    fn a_quality_of_zero_or_nonsense_is_a_no() {
        assert!(!streams(&["text/event-stream;q=0"]));
        assert!(!streams(&["text/event-stream; q = 0.000"]));
        assert!(!streams(&["text/event-stream;q=banana"]));
    }
}
