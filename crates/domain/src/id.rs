//! Identifiers. Each kind of id has its own newtype, so that the compiler rejects a mix-up.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid};

/// The error for text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a UUID")]
pub struct ParseIdError {
    /// The rejected text, without control characters and cut to 64 characters.
    pub text: String,
}

macro_rules! uuid_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a new id. It is a UUID v7, so ids sort by creation time.
            #[must_use]
            pub fn generate(now: DateTime<Utc>) -> Self {
                // A UUID of version 7 has no time before 1970; a clock that is set so early gives the first one.
                let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
                Self(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
            }

            /// Returns the creation time encoded in the id. For an id that is not a UUID v7 this is the start of 1970.
            #[must_use]
            pub fn made_at(self) -> DateTime<Utc> {
                let made = self.0.get_timestamp().map(|timestamp| timestamp.to_unix());
                let at = |(seconds, nanos)| DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos);
                made.and_then(at).unwrap_or(DateTime::UNIX_EPOCH)
            }

            /// Returns the id as a plain UUID, for database rows and messages.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                // Only the hyphenated form is accepted, so that each worker has exactly one URL.
                match Uuid::parse_str(text) {
                    Ok(uuid) if text.len() == uuid::fmt::Hyphenated::LENGTH => Ok(Self(uuid)),
                    // The text comes from a client and is quoted in a response, so it is short and plain.
                    _ => Err(ParseIdError { text: text.chars().filter(|c| !c.is_control()).take(64).collect() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

uuid_id! {
    /// The id of a worker.
    WorkerId
}
uuid_id! {
    /// The id of one invocation: one run of one function.
    InvocationId
}
uuid_id! {
    /// The id of a tenant: a customer of the operator.
    TenantId
}

impl TenantId {
    /// The default tenant, the nil UUID. It owns everything that was created before other tenants existed.
    pub const DEFAULT: Self = Self(Uuid::nil());
}

macro_rules! provider_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Creates an id from the provider's text.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the id in the provider's own spelling.
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

provider_id! {
    /// The id of a snapshot, assigned by its sandbox provider; at most 255 bytes.
    SnapshotId
}
provider_id! {
    /// The id of a sandbox, assigned by its provider.
    SandboxId
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        assert!(WorkerId::generate(at(1_763_890_000)) < WorkerId::generate(at(1_763_890_001)));
    }

    #[test]
    fn an_id_survives_being_printed_and_parsed() {
        let id = WorkerId::generate(at(1_763_890_000));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn the_default_tenant_has_the_nil_uuid() {
        assert_eq!(TenantId::DEFAULT.to_string(), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn an_id_without_hyphens_is_refused() {
        let id = WorkerId::generate(at(1_763_890_000)).as_uuid().simple().to_string();
        assert_eq!(id.parse::<WorkerId>(), Err(ParseIdError { text: id }));
    }

    #[test]
    fn a_refused_id_is_quoted_without_control_characters_and_cut() {
        let error = format!("a\0{}", "b".repeat(100)).parse::<WorkerId>().unwrap_err();
        assert_eq!(error.text.len(), 64);
        assert!(!error.text.contains('\0'));
    }
}
