//! The log line that reports lost lines. It is written past the log filter, so `RUST_LOG` cannot hide it.

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use crate::config::LogFormat;

/// Formats the note. `lines` were lost since the last note, `total` since the start of the server.
pub(super) fn note(format: LogFormat, lines: u64, total: u64) -> String {
    const TEXT: &str = "lines of log were lost, because standard error was not read in time";
    let mut time = String::new();
    // If the time cannot be formatted it is left out.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    match format {
        LogFormat::Text => format!("{time}  WARN workersd::telemetry: {TEXT} lines={lines} total={total}\n"),
        LogFormat::Json => format!(
            "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"fields\":{{\"message\":\"{TEXT}\",\"lines\":{lines},\
             \"total\":{total}}},\"target\":\"workersd::telemetry\"}}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_a_line_in_the_format_of_the_log() {
        let text = note(LogFormat::Text, 3, 5);
        assert!(text.ends_with("lines=3 total=5\n") && text.contains("WARN"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&note(LogFormat::Json, 3, 5)).unwrap();
        assert_eq!((&json["fields"]["lines"], &json["level"]), (&3.into(), &"WARN".into()));
        assert!(json["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')));
    }
}
