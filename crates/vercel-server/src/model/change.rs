//! What becomes of a setting.

use serde::{Deserialize, Deserializer};

/// What becomes of a setting that there need not be: in JSON not there, `null`, or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Change<T> {
    /// Nothing.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It is this.
    Set(T),
}

impl<T> Change<T> {
    /// The value, if there is one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A member that is not there does not come here, but has its default.
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
