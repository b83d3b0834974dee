//! Ids of requests.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// Maximum length of an id, in bytes.
const MAX_BYTES: usize = 128;

/// The id of a request. It appears in the response, in the log and in every record that the request creates. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

/// The error for text that cannot be a request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of a request must be of 1 to {MAX_BYTES} letters, digits and characters among `-_.:/+=@`")]
pub struct InvalidRequestIdError;

impl RequestId {
    /// Creates a new id.
    #[must_use]
    pub fn generate(now: DateTime<Utc>) -> Self {
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()));
        let mut text = Uuid::encode_buffer();
        Self(Arc::from(&*id.hyphenated().encode_lower(&mut text)))
    }

    /// Validates an id that a client has chosen. The id is written to logs and headers, so only some characters are
    /// allowed.
    ///
    /// # Errors
    ///
    /// If the id is empty, too long, or contains a character that is not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidRequestIdError> {
        let may_have = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
        if (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(may_have) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidRequestIdError)
        }
    }

    /// Returns the id that the client has chosen, or a new id if there is none or it is not valid.
    #[must_use]
    pub fn given_or_new(given: Option<&str>, now: DateTime<Utc>) -> Self {
        given.and_then(|text| Self::parse(text).ok()).unwrap_or_else(|| Self::generate(now))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept() {
        assert_eq!(RequestId::parse("01J:abc_DEF-1.2/3").unwrap().as_str(), "01J:abc_DEF-1.2/3");
    }

    #[test]
    fn an_id_that_does_not_belong_into_a_log_is_refused() {
        for text in ["a b", "a\tb", "{\"x\":1}", "ä", "", &"a".repeat(129)] {
            assert_eq!(RequestId::parse(text), Err(InvalidRequestIdError), "{text:?}");
        }
    }

    #[test]
    fn no_two_new_ids_are_the_same() {
        let now = DateTime::UNIX_EPOCH;
        let id = RequestId::generate(now);
        assert_eq!(id.as_str().len(), 36);
        assert_ne!(id, RequestId::generate(now));
    }
}
