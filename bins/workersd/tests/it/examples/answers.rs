//! Compares the output that a page shows for a command with what the command printed.

use serde_json::Value;

use crate::support::document::Block;

/// Members whose values differ from run to run.
const VARYING: &[&str] = &[
    "id",
    "snapshotId",
    "requestId",
    "invocationId",
    "createdAt",
    "snapshotExpiresAt",
    "lastInvokedAt",
    "timestamp",
    "duration",
    "queue",
    "sandbox",
    "load",
    "run",
    "cpuMs",
    "maxMemoryBytes",
];
/// Members that are absent if the sandbox does not report them.
const OPTIONAL: &[&str] = &["cpuMs", "maxMemoryBytes"];
/// Fields of event streams and of response heads whose values are compared.
const COMPARED: &[&str] = &["event", "retry", "content-type", "location"];

/// A part of the printed output.
#[derive(Debug)]
enum Part {
    Json(Value),
    /// `name: value` of a head or of an event. The value is `Some` if it is compared.
    Field(String, Option<String>),
    Line(String),
}

/// Checks that everything that a block shows was printed, in the block's order. The fields of a head may come in any
/// order, and there may be more of them.
pub(super) fn assert_printed(block: &Block, output: &str) {
    let printed = parts(output);
    let mut rest = printed.iter();
    for shown in parts(&block.text) {
        let is_of_head = block.language == "http" && matches!(shown, Part::Field(..));
        let is_there = if is_of_head {
            printed.iter().any(|part| shown.is_shown_by(part))
        } else {
            rest.by_ref().any(|part| shown.is_shown_by(part))
        };
        assert!(
            is_there,
            "{}: this was not printed, or not in this order: {shown:?}\nbut this:\n{output}",
            block.place()
        );
    }
}

impl Part {
    fn is_shown_by(&self, output: &Self) -> bool {
        match (self, output) {
            (Self::Json(shown), Self::Json(output)) => agree(shown, output),
            (Self::Field(shown, value), Self::Field(output, other)) => {
                shown.eq_ignore_ascii_case(output) && (value.is_none() || value == other)
            }
            (Self::Line(shown), Self::Line(output)) => shown == output,
            _ => false,
        }
    }
}

/// Returns whether both have the same members, and equal values except for those that vary. `…` stands for any text.
fn agree(shown: &Value, output: &Value) -> bool {
    match (shown, output) {
        (Value::Object(shown), Value::Object(output)) => {
            let is_alike_at = |(name, value): (&String, &Value)| match output.get(name) {
                Some(other) if VARYING.contains(&name.as_str()) && !value.is_object() => is_alike(value, other),
                Some(other) => agree(value, other),
                None => OPTIONAL.contains(&name.as_str()),
            };
            output.keys().all(|name| shown.contains_key(name)) && shown.iter().all(is_alike_at)
        }
        (Value::Array(shown), Value::Array(output)) => {
            shown.len() == output.len() && shown.iter().zip(output).all(|(shown, output)| agree(shown, output))
        }
        (Value::String(shown), Value::String(output)) => match shown.split_once('…') {
            Some((start, end)) => output.starts_with(start) && output.ends_with(end),
            None => shown == output,
        },
        _ => shown == output,
    }
}

/// Returns whether both values are of the same kind.
fn is_alike(shown: &Value, output: &Value) -> bool {
    std::mem::discriminant(shown) == std::mem::discriminant(output)
}

/// Splits printed text into parts. Comments of event streams are left out, because they come at any time.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with(':') {
            continue;
        }
        if let Some((name, value)) = line.split_once(':').filter(|(name, _)| name.bytes().all(is_of_name)) {
            let value = value.trim_start();
            parts.push(Part::Field(name.to_owned(), COMPARED.contains(&name).then(|| value.to_owned())));
            if name == "data" {
                parts.push(Part::Json(serde_json::from_str(value).unwrap_or_else(|error| panic!("{value}: {error}"))));
            }
            continue;
        }
        if !line.starts_with(['{', '[']) {
            parts.push(Part::Line(line.to_owned()));
            continue;
        }
        // JSON may be on one line or on several; and the responses of several commands may be on one line.
        let mut json = line.to_owned();
        let values: Vec<Value> = loop {
            match serde_json::Deserializer::from_str(&json).into_iter().collect() {
                Ok(values) => break values,
                Err(error) => json += lines.next().unwrap_or_else(|| panic!("{json}: {error}")),
            }
        };
        parts.extend(values.into_iter().map(Part::Json));
    }
    parts
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
