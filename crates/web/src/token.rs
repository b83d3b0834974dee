//! API tokens, and the header that contains them.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// A secret that grants access to an API. It is never logged, and it is erased from memory when dropped.
#[derive(Clone)]
pub struct Token(SecretString);

/// The error for text that cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token must be of at least one printable ASCII character and must not contain spaces")]
pub struct InvalidTokenError;

impl Token {
    /// Creates a token from configuration.
    ///
    /// # Errors
    ///
    /// If an `Authorization` header could not contain it.
    pub fn new(secret: impl Into<String>) -> Result<Self, InvalidTokenError> {
        let secret = SecretString::from(secret.into());
        let text = secret.expose_secret();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(secret))
        } else {
            Err(InvalidTokenError)
        }
    }

    /// Compares in constant time, independent of where the two values differ.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(candidate).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// Returns the token from the value of an `Authorization` header with the scheme `Bearer`, which is case-insensitive.
#[must_use]
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_only() {
        let token = Token::new("s3cret").unwrap();
        assert!(token.matches(b"s3cret"));
        for other in [&b"s3cres"[..], b"s3cre", b"s3crett", b""] {
            assert!(!token.matches(other));
        }
    }

    #[test]
    fn a_token_that_no_header_could_carry_is_refused() {
        for text in ["", "a b", "a\n", "ä"] {
            assert!(Token::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert!(!format!("{:?}", Token::new("s3cret").unwrap()).contains("s3cret"));
    }

    #[test]
    fn the_token_of_a_header_comes_after_its_scheme() {
        assert_eq!(bearer(b"bEaReR  one "), Some(&b"one"[..]));
        for value in [&b"Basic one"[..], b"one", b""] {
            assert_eq!(bearer(value), None);
        }
    }
}
