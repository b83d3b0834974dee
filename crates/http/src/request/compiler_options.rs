//! `compilerOptions` of a deploy.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use workers_service::CompilerOptions;

use super::Field;
use crate::error::{ApiError, ErrorCode, printable};

/// The options as sent by the client. A missing member and null count as no options.
#[derive(Debug, Default)]
pub(crate) struct CompilerOptionsField(BTreeMap<String, Field>);

const SUPPORTED: &str = "the one option that the platform knows is `experimentalDecorators`";

impl CompilerOptionsField {
    /// Validates the options. An error contains the name of the invalid one.
    pub(crate) fn into_options(self) -> Result<CompilerOptions, ApiError> {
        let mut options = CompilerOptions::default();
        for (name, value) in self.0 {
            match name.as_str() {
                "experimentalDecorators" => options.experimental_decorators = boolean(&name, value)?,
                // `false` asks for what the compiler does anyway.
                "emitDecoratorMetadata" => {
                    if boolean(&name, value)? == Some(true) {
                        let reason = "the compiler ignores types, so it has none to emit";
                        return Err(refused(&name, &format!("is not supported: {reason}; {SUPPORTED}")));
                    }
                }
                _ => return Err(refused(&name, &format!("is not supported; {SUPPORTED}"))),
            }
        }
        Ok(options)
    }
}

fn boolean(name: &str, value: Field) -> Result<Option<bool>, ApiError> {
    match value {
        Field::Missing => Ok(None),
        Field::Boolean(value) => Ok(Some(value)),
        other => Err(refused(name, &format!("must be a boolean, but is {}", other.what()))),
    }
}

fn refused(name: &str, problem: &str) -> ApiError {
    let field = format!("compilerOptions.{}", printable(name));
    ApiError::new(ErrorCode::InvalidCompilerOptions, format!("`{field}` {problem}")).with("field", field)
}

impl<'de> Deserialize<'de> for CompilerOptionsField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OptionsVisitor)
    }
}

struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = CompilerOptionsField;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`compilerOptions` to be an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(CompilerOptionsField::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // A map and no struct, so that an unknown option can be refused with its own code and by its name.
        let mut options = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            options.insert(name, value);
        }
        Ok(CompilerOptionsField(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::parse_json;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        #[serde(default)]
        compiler_options: CompilerOptionsField,
    }

    fn read(options: &str) -> Result<CompilerOptions, ApiError> {
        parse_json::<Body>(format!("{{\"compilerOptions\":{options}}}").as_bytes())?.compiler_options.into_options()
    }

    #[test]
    fn the_option_is_true_false_or_left_open() {
        for (options, value) in [
            ("null", None),
            ("{}", None),
            (r#"{"experimentalDecorators":null}"#, None),
            (r#"{"experimentalDecorators":true}"#, Some(true)),
            (r#"{"experimentalDecorators":false,"emitDecoratorMetadata":false}"#, Some(false)),
        ] {
            assert_eq!(read(options).unwrap().experimental_decorators, value, "{options}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_named_with_what_can() {
        for (options, field) in [
            (r#"{"experimentalDecorators":"true"}"#, "experimentalDecorators` must be a boolean, but is a string"),
            (r#"{"experimentalDecorators":[1]}"#, "experimentalDecorators` must be a boolean, but is an array"),
            (r#"{"emitDecoratorMetadata":true}"#, "emitDecoratorMetadata` is not supported: the compiler ignores"),
            (
                r#"{"target":"es5"}"#,
                "target` is not supported; the one option that the platform knows is `experimental",
            ),
        ] {
            let error = read(options).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidCompilerOptions, "{options}");
            assert!(error.to_string().starts_with(&format!("`compilerOptions.{field}")), "{error}");
        }
    }

    #[test]
    fn options_that_are_no_object_do_not_fit() {
        for options in ["1", "true", "\"x\"", "[]"] {
            assert_eq!(read(options).unwrap_err().code(), ErrorCode::InvalidBody, "{options}");
        }
    }
}
