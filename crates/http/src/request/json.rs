//! Parses JSON bodies. Errors contain the position.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::error::{ApiError, ErrorCode};

/// Parses a JSON body, regardless of its content type.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        ApiError::new(ErrorCode::InvalidJson, format!("the body is not UTF-8: byte {} is invalid", error.valid_up_to()))
            .with("offset", error.valid_up_to())
    })?;
    // Serde would also accept an array for a struct, but the API accepts only objects.
    if !text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Err(ApiError::new(ErrorCode::InvalidBody, "the body must be a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not valid JSON: {error}"))
                .with("line", error.line())
                .with("column", error.column())
        }
        Category::Data => ApiError::new(ErrorCode::InvalidBody, format!("the body does not fit: {error}"))
            .with("line", error.line())
            .with("column", error.column()),
    })
}

/// A member that should be a string. It accepts any value, so that the error for a wrong type can contain the member's
/// name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Field {
    /// The member is missing or null.
    #[default]
    Missing,
    /// A string.
    Text(String),
    /// A boolean.
    Boolean(bool),
    /// Any other value, with a description of its type.
    Other(&'static str),
}

impl Field {
    /// Returns a description of the type.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Missing => "null",
            Self::Text(_) => "a string",
            Self::Boolean(_) => "a boolean",
            Self::Other(found) => found,
        }
    }

    /// Returns the string, or an error that contains the member's name.
    pub(crate) fn into_text(self, name: &str, missing: impl FnOnce() -> ApiError) -> Result<String, ApiError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Missing => Err(missing()),
            other => {
                let found = other.what();
                let message = format!("`{name}` must be a string, but is {found}");
                Err(ApiError::new(ErrorCode::InvalidBody, message).with("field", name))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Missing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Boolean(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        // serde_json reports an error of syntax if a visitor leaves a part of the value unread.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Field, A::Error> {
        // Read to the end for the same reason as a sequence.
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default)]
        name: Field,
    }

    fn code_of(body: &[u8]) -> ErrorCode {
        parse_json::<Body>(body).unwrap_err().code()
    }

    #[test]
    fn a_string_is_taken_as_it_is() {
        let body: Body = parse_json(r#"{"name":"a\u0000\ud83d\ude00","more":[1]}"#.as_bytes()).unwrap();
        assert_eq!(body.name, Field::Text("a\0😀".into()));
    }

    #[test]
    fn null_and_nothing_are_missing() {
        for body in ["{}", r#"{"name":null}"#] {
            assert_eq!(parse_json::<Body>(body.as_bytes()).unwrap().name, Field::Missing);
        }
    }

    #[test]
    fn anything_else_is_named() {
        for (value, found) in [
            ("1", "a number"),
            ("-1", "a number"),
            ("1.5", "a number"),
            ("[[1]]", "an array"),
            ("{\"a\":{}}", "an object"),
        ] {
            let body: Body = parse_json(format!("{{\"name\":{value}}}").as_bytes()).unwrap();
            assert_eq!(body.name, Field::Other(found));
        }
    }

    #[test]
    fn a_boolean_is_taken_as_it_is() {
        assert_eq!(parse_json::<Body>(b"{\"name\":true}").unwrap().name, Field::Boolean(true));
        let error = Field::Boolean(true).into_text("name", || unreachable!()).unwrap_err();
        assert_eq!(error.to_string(), "`name` must be a string, but is a boolean");
    }

    #[test]
    fn what_is_not_json_is_reported_with_its_position() {
        for body in ["", "{", "{\"name\": }", "nope", "{\"name\":\"\\ud800\"}"] {
            assert_eq!(code_of(body.as_bytes()), ErrorCode::InvalidJson, "{body}");
        }
    }

    #[test]
    fn a_hundred_thousand_nested_brackets_are_refused() {
        let deep = "[".repeat(100_000);
        for body in [deep.clone(), format!("{{\"name\":{deep}"), format!("{{\"more\":{deep}")] {
            assert_eq!(code_of(body.as_bytes()), ErrorCode::InvalidJson);
        }
    }

    #[test]
    fn invalid_utf_8_is_reported_with_its_position() {
        let error = parse_json::<Body>(b"{\"name\":\"\xff\"}").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidJson);
        assert_eq!(error.to_string(), "the body is not UTF-8: byte 9 is invalid");
    }

    #[test]
    fn json_of_another_shape_is_an_invalid_body() {
        for body in ["[]", "1", "\"x\"", r#"{"name":"a","name":"b"}"#] {
            assert_eq!(code_of(body.as_bytes()), ErrorCode::InvalidBody, "{body}");
        }
    }
}
