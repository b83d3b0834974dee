//! Changes to an optional setting.

use serde::{Deserialize, Deserializer};

/// A change to an optional setting. In JSON: absent, `null`, or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Change<T> {
    /// Leaves the setting as it is.
    #[default]
    Keep,
    /// Removes the setting.
    Clear,
    /// Sets the setting to this value.
    Set(T),
}

impl<T> Change<T> {
    /// Returns the new value, if the change sets one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An absent member does not get here: serde uses its default.
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
