//! Decides from the `Accept` header (RFC 9110) whether a client requests the event stream of an invocation or one
//! response at the end.

use std::cmp::Ordering;

use actix_web::http::header::{ACCEPT, HeaderMap};

/// Returns whether the client prefers `text/event-stream` to JSON, or accepts both equally and names it explicitly. A
/// client without a preference, or one that accepts neither, gets JSON.
pub(crate) fn prefers_event_stream(headers: &HeaderMap) -> bool {
    let values: Vec<&str> = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()).collect();
    let ranges = || values.iter().flat_map(|value| outside_quotes(value, ',')).filter_map(Range::parse);
    let liking = |kind, subtype| {
        // The most specific range applies. Of two equally specific ranges, the one with the higher weight applies.
        let fits = ranges().filter_map(|range| Some((range.specificity(kind, subtype)?, range.quality)));
        fits.max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
    };
    let Some((specificity, stream)) = liking("text", "event-stream") else { return false };
    let json = liking("application", "json").map_or(0.0, |(_, quality)| quality);
    match stream.total_cmp(&json) {
        Ordering::Greater => true,
        // `*/*`, which curl and most libraries send, ranks both alike and names neither. Such a client gets JSON.
        Ordering::Equal => stream > 0.0 && specificity >= Specificity::Parameters,
        Ordering::Less => false,
    }
}

/// How specifically a range describes a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// `*/*`
    Anything,
    /// `text/*`
    Kind,
    /// The type by its name, with parameters that our responses do not have.
    Parameters,
    /// The type by its name.
    Exact,
}

/// One of the media ranges of an `Accept` header.
struct Range {
    kind: String,
    subtype: String,
    has_parameters: bool,
    quality: f32,
}

impl Range {
    fn parse(item: &str) -> Option<Self> {
        let mut parts = outside_quotes(item, ';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let (mut has_parameters, mut quality) = (false, 1.0);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("q") {
                quality = weight(value);
                // Parameters after the weight do not describe the media type.
                break;
            }
            // Both of our responses are UTF-8.
            let is_ours = name.eq_ignore_ascii_case("charset")
                && ["utf-8", "utf8"].iter().any(|own| value.eq_ignore_ascii_case(own));
            has_parameters |= !is_ours;
        }
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        Some(Self { kind: lower(kind), subtype: lower(subtype), has_parameters, quality })
    }

    /// Returns `None` if the media type is not in the range.
    fn specificity(&self, kind: &str, subtype: &str) -> Option<Specificity> {
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", "*") => Some(Specificity::Anything),
            (own, "*") if own == kind => Some(Specificity::Kind),
            own if own == (kind, subtype) && self.has_parameters => Some(Specificity::Parameters),
            own if own == (kind, subtype) => Some(Specificity::Exact),
            _ => None,
        }
    }
}

/// Parses the value of a `q` parameter. An invalid one counts as 0, which means "not acceptable".
fn weight(text: &str) -> f32 {
    // `parse` alone would also accept `1e-1` and `inf`, which are no weights in RFC 9110.
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|quality| is_decimal && (0.0..=1.0).contains(quality)).unwrap_or(0.0)
}

/// Splits text at separators that are not within quotation marks.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    // A quoted string may contain the separator, and a quotation mark behind a backslash (RFC 9110, section 5.6.4).
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |symbol| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match symbol {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        symbol == separator && !is_quoted
    })
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
    fn a_client_that_names_the_event_stream_gets_it() {
        for accept in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "application/json, text/event-stream",
            "text/event-stream, */*",
            "text/event-stream;q=0.5, */*;q=0.1",
            "*/*;q=0, text/event-stream;q=0.001",
            "text/event-stream;q=0.5, application/json;q=0.5",
            "text/event-stream; note=\"a, b; q=0\"",
        ] {
            assert!(streams(&[accept]), "{accept}");
        }
        assert!(streams(&["application/json;q=0.1", "text/event-stream;q=0.2"]));
    }

    #[test]
    fn a_client_without_a_preference_gets_the_batch_answer() {
        assert!(!streams(&[]));
        for accept in
            ["", "*/*", "*/*;q=0.1", "text/*, application/*", "text/*, */*", "text/html, application/xhtml+xml", ","]
        {
            assert!(!streams(&[accept]), "{accept}");
        }
    }

    #[test]
    fn a_client_that_likes_json_more_gets_the_batch_answer() {
        for accept in [
            "text/event-stream;q=0.5, application/json",
            "text/event-stream;q=0.5, */*",
            "text/event-stream;q=0.5, application/*;q=0.6",
            "*/*, text/event-stream ; Q=0.9",
            "text/*;q=0.4, application/json;q=0.5",
            "application/json, text/*;q=0.9, text/event-stream;q=0.1",
        ] {
            assert!(!streams(&[accept]), "{accept}");
        }
        assert!(!streams(&["text/event-stream;q=0.5", "*/*"]));
    }

    #[test]
    fn a_range_that_takes_the_stream_and_not_json_counts_as_a_preference() {
        for accept in [
            "text/*",
            "text/*;q=0.9, application/json;q=0.5",
            "application/json;q=0, */*",
            "application/json;q=0.1, */*;q=0.5",
        ] {
            assert!(streams(&[accept]), "{accept}");
        }
    }

    #[test]
    fn the_most_specific_range_counts() {
        assert!(!streams(&["text/*, text/event-stream;q=0"]));
        assert!(!streams(&["*/*, text/event-stream;q=0.1"]));
        assert!(streams(&["*/*;q=0.1, text/event-stream"]));
        assert!(streams(&["application/json;profile=x, application/json;q=0.1, text/event-stream;q=0.5"]));
    }

    #[test]
    fn a_quality_of_zero_or_nonsense_is_a_no() {
        for accept in [
            "text/event-stream;q=0",
            "text/event-stream; q = 0.000",
            "text/event-stream;q=banana",
            "text/event-stream;q=-1",
            "text/event-stream;q=1e-1",
            "text/event-stream;q=2",
            "text/event-stream;q=",
            "text/event-stream;q=0, application/json;q=0",
        ] {
            assert!(!streams(&[accept]), "{accept}");
        }
    }
}
