//! Sizes, times and networks in the form in which people write them.

use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use workers_domain::{AddressRange, InvalidPolicyError, InvalidRangeError, NetworkPolicy};

/// A number of bytes, as `256MiB` or `6291456`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Size(ByteSize);

/// Yes or no, as `true`, `yes`, `on` or `1`, and `false`, `no`, `off` or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

/// A length of time, as `30s` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HumanDuration(pub(crate) Duration);

/// The hosts that sandboxes may connect to, as `allow-all` or `example.com,db.example.net:5432`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Network(pub(crate) NetworkPolicy);

/// A range of addresses, as `10.0.0.0/8` or `192.0.2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Range(pub(crate) AddressRange);

impl Size {
    /// Returns the size in bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0.as_u64()
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ByteSize::from_str(text).map(Self)
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Self(true)),
            "false" | "no" | "off" | "0" => Ok(Self(false)),
            _ => Err("it must be true, yes, on or 1, or false, no, off or 0".to_owned()),
        }
    }
}

/// The file may also hold a TOML boolean or integer.
impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "it must be true, yes, on or 1, or false, no, off or 0")]
        enum Written {
            Word(bool),
            Number(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(switch) => Ok(Self(switch)),
            Written::Number(number) => number.to_string().parse().map_err(serde::de::Error::custom),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map(Self).map_err(|error| error.to_string())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: InvalidPolicyError| error.to_string())
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: InvalidRangeError| error.to_string())
    }
}

/// The file holds these types as strings, in the form of the command line.
macro_rules! read_from_text {
    ($($kind:ty),*) => {
        $(impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        })*
    };
}

pub(super) use read_from_text;

read_from_text!(HumanDuration, Network, Range);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        assert_eq!("256MiB".parse::<Size>().unwrap().bytes(), 256 * 1024 * 1024);
        assert_eq!("1000".parse::<Size>().unwrap().bytes(), 1000);
        assert!("many".parse::<Size>().is_err());
    }

    #[test]
    fn a_switch_is_read_as_people_write_it_also_in_the_file() {
        #[derive(Deserialize)]
        struct File {
            console: Switch,
        }
        let in_file = |value: &str| toml::from_str::<File>(&format!("console = {value}")).map(|file| file.console.0);
        for (words, expected) in
            [(["true", "yes", "on", "1", "YES", "On"], true), (["false", "no", "off", "0", "No", "FALSE"], false)]
        {
            for word in words {
                assert_eq!(word.parse::<Switch>(), Ok(Switch(expected)), "{word}");
                assert_eq!(in_file(&format!("'{word}'")).unwrap(), expected, "{word}");
            }
        }
        assert!(
            in_file("true").unwrap() && in_file("1").unwrap() && !in_file("false").unwrap() && !in_file("0").unwrap()
        );
        for word in ["", "maybe", "2", "tru", " true"] {
            assert!(word.parse::<Switch>().is_err() && in_file(&format!("'{word}'")).is_err(), "{word}");
        }
        assert!(in_file("2").is_err() && in_file("1.0").is_err());
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!("30s".parse::<HumanDuration>().unwrap().0, Duration::from_secs(30));
        assert_eq!("7d".parse::<HumanDuration>().unwrap().0, Duration::from_hours(7 * 24));
        assert!("30".parse::<HumanDuration>().is_err());
    }
}
