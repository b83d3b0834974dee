//! Encodes one piece of output as one line of JSON, in ASCII.
//!
//! Clients decode each network packet separately. Non-ASCII characters are escaped, so that a packet cannot end in the
//! middle of one.

use std::fmt::Write as _;

use workers_domain::LogStream;

/// Decodes the bytes of one stream as UTF-8. A character that is cut off at the end of a piece waits for the next
/// piece; invalid bytes become U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The first bytes of an incomplete character; at most three.
    cut: Vec<u8>,
}

impl Decoder {
    /// Returns the text of the next piece.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> String {
        let joined;
        let mut rest = if self.cut.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.cut)[..], bytes].concat();
            &joined[..]
        };
        let mut text = String::with_capacity(rest.len());
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    return text;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    // `valid_up_to` says that this part is valid, so nothing is replaced.
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(length) = error.error_len() else {
                        self.cut = after.to_vec();
                        return text;
                    };
                    text.push('\u{fffd}');
                    rest = &after[length..];
                }
            }
        }
    }

    /// Returns the text of what is left at the end of the stream: U+FFFD for an incomplete character.
    pub(crate) fn finish(&mut self) -> &'static str {
        if std::mem::take(&mut self.cut).is_empty() { "" } else { "\u{fffd}" }
    }
}

/// Encodes one line with this text of a stream.
pub(crate) fn line(stream: LogStream, text: &str) -> Vec<u8> {
    let mut line = String::with_capacity(text.len() + 40);
    line.push_str(match stream {
        LogStream::Stdout => "{\"stream\":\"stdout\",\"data\":\"",
        LogStream::Stderr => "{\"stream\":\"stderr\",\"data\":\"",
    });
    escape(text, &mut line);
    line.push_str("\"}\n");
    line.into_bytes()
}

/// Returns the line that ends a stream which cannot continue.
pub(crate) fn error_line() -> Vec<u8> {
    b"{\"stream\":\"error\",\"data\":{\"code\":\"sandbox_stream_closed\",\"message\":\"Sandbox stream was closed and is not accepting commands.\"}}\n".to_vec()
}

fn escape(text: &str, into: &mut String) {
    for symbol in text.chars() {
        match symbol {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            ' '..='~' => into.push(symbol),
            _ => {
                for unit in symbol.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    let _ = write!(into, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// Escapes everything beyond ASCII in a JSON text.
pub(crate) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for symbol in json.chars() {
        if symbol.is_ascii() {
            text.push(symbol);
        } else {
            escape(symbol.encode_utf8(&mut [0; 4]), &mut text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = pieces.iter().map(|piece| decoder.decode(piece)).collect();
        text.push_str(decoder.finish());
        text
    }

    #[test]
    fn a_character_that_is_cut_anywhere_arrives_whole() {
        let text = "aé€😀z";
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(decode(&[first, second]), text, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(decode(&single), text);
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        assert_eq!(decode(&[b"a\xffb"]), "a\u{fffd}b");
        assert_eq!(decode(&[b"a\xe2\x82", b"b"]), "a\u{fffd}b");
        assert_eq!(decode(&[b"a\xf0\x9f"]), "a\u{fffd}");
    }

    #[test]
    fn a_line_is_ascii_and_says_what_was_printed() {
        let text = "\"quoted\\\" \u{0}\u{1b}\u{7f}\n\r\té€😀";
        let line = line(LogStream::Stderr, text);
        assert!(line.is_ascii() && line.ends_with(b"}\n"));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value, serde_json::json!({ "stream": "stderr", "data": text }));
        assert!(String::from_utf8(line).unwrap().contains("\\ud83d\\ude00"));
    }

    #[test]
    fn json_stays_the_same_json_in_ascii() {
        let value = serde_json::json!({ "a": "é😀\n", "ü": 1 });
        let text = ascii(&value.to_string());
        assert!(text.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
