//! Names chosen by users.

use std::fmt;

/// Maximum length of a name, in characters. Equals the width of the database column.
const MAX_CHARS: usize = 255;

/// The reason why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNameError {
    /// The name is empty or consists only of white space.
    #[error("must not be empty")]
    Empty,
    /// The name is longer than 255 characters.
    #[error("must be at most {MAX_CHARS} characters long, but has {chars}")]
    TooLong {
        /// The number of characters in the refused name.
        chars: usize,
    },
    /// The name contains a control character; U+0000 is one.
    #[error("must not contain control characters")]
    ControlCharacter,
}

fn check(text: &str) -> Result<(), InvalidNameError> {
    if text.trim().is_empty() {
        return Err(InvalidNameError::Empty);
    }
    // Characters and not bytes, so that the limit is the same in every language.
    let chars = text.chars().count();
    if chars > MAX_CHARS {
        return Err(InvalidNameError::TooLong { chars });
    }
    // One of them is U+0000, which Postgres cannot store in a text.
    if text.chars().any(char::is_control) {
        return Err(InvalidNameError::ControlCharacter);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Validates a name from an external source.
            ///
            /// # Errors
            ///
            /// If the name is blank, longer than 255 characters, or contains control characters.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidNameError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// Returns the name exactly as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a worker, chosen by the customer: 1 to 255 characters, no control characters. Names need not be
    /// unique.
    WorkerName
}

impl WorkerName {
    /// Returns the placeholder name for a worker whose own name cannot be read from the database.
    pub(crate) fn unreadable() -> Self {
        Self("(unreadable)".to_owned())
    }
}
name! {
    /// The name under which a worker exports a function: 1 to 255 characters, no control characters.
    FunctionName
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_255_characters_is_accepted_whatever_its_bytes() {
        let name = "ä".repeat(255);
        assert_eq!(WorkerName::parse(name.clone()).unwrap().as_str(), name);
    }

    #[test]
    fn a_name_of_256_characters_is_refused() {
        assert_eq!(WorkerName::parse("a".repeat(256)), Err(InvalidNameError::TooLong { chars: 256 }));
    }

    #[test]
    fn a_blank_name_is_refused() {
        for blank in ["", " ", "\u{2003}\n"] {
            assert_eq!(WorkerName::parse(blank), Err(InvalidNameError::Empty));
        }
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        assert_eq!(FunctionName::parse("a\0b"), Err(InvalidNameError::ControlCharacter));
    }
}
