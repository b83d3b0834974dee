//! Options that say how much of the host sandboxes get, in the form in which people write them.

use std::str::FromStr;

use serde::Deserialize;
use workers_domain::Resources;

use super::units::{Size, read_from_text};

const MIB: u64 = 1 << 20;

/// What is kept for the host and the server, as `memory=2GiB,processors=0.5,pids=4096,descriptors=512`. A resource that
/// is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Reserve {
    memory_bytes: Option<u64>,
    millicores: Option<u64>,
    pids: Option<u64>,
    descriptors: Option<u64>,
}

/// A factor from 1 to 100 with up to three decimal places, as `1.5`. It is stored in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Factor(u64);

/// A share in percent, from 1 to 100, as `50%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Share(pub(crate) u32);

impl Reserve {
    /// Returns the reserve on this host. The default is a tenth of memory and processes and a quarter of descriptors,
    /// but at least what a server alone takes (512 MiB, 1024 processes, 512 descriptors), and at most half of what the
    /// host has.
    pub(crate) fn of(self, host: Resources) -> Resources {
        let default = |amount: u64, parts: u64, least: u64| (amount / parts).max(least).min(amount / 2);
        Resources {
            sandboxes: 0,
            memory_bytes: self.memory_bytes.unwrap_or_else(|| default(host.memory_bytes, 10, 512 * MIB)),
            millicores: self.millicores.unwrap_or(0),
            pids: self.pids.unwrap_or_else(|| default(host.pids, 10, 1024)),
            descriptors: self.descriptors.unwrap_or_else(|| default(host.descriptors, 4, 512)),
        }
    }
}

impl FromStr for Reserve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reserve = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=AMOUNT"))?;
            let number = || value.trim().parse().map_err(|_| format!("`{value}` is no number"));
            let (field, amount) = match name.trim() {
                "memory" => (&mut reserve.memory_bytes, value.trim().parse::<Size>()?.bytes()),
                "processors" => (&mut reserve.millicores, thousandths(value)?),
                "pids" => (&mut reserve.pids, number()?),
                "descriptors" => (&mut reserve.descriptors, number()?),
                other => return Err(format!("`{other}` is not memory, processors, pids or descriptors")),
            };
            if field.replace(amount).is_some() {
                return Err(format!("`{}` is said twice", name.trim()));
            }
        }
        Ok(reserve)
    }
}

impl Factor {
    /// The factor 4.
    pub(crate) const FOUR: Self = Self(4000);

    /// Multiplies an amount by the factor.
    pub(crate) fn of(self, amount: u64) -> u64 {
        // In 128 bits, so that no product overflows: `Resources::UNLIMITED` is `u64::MAX`.
        u64::try_from(u128::from(amount) * u128::from(self.0) / 1000).unwrap_or(u64::MAX)
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self(1000)
    }
}

impl FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let factor = thousandths(text)?;
        if (1000..=100_000).contains(&factor) { Ok(Self(factor)) } else { Err("it must be from 1 to 100".to_owned()) }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_end_matches('%').parse().ok().filter(|percent| (1..=100).contains(percent));
        number.map(Self).ok_or_else(|| "it must be from 1% to 100%".to_owned())
    }
}

read_from_text!(Reserve, Factor, Share);

/// Parses a decimal number with at most three places, in thousandths.
fn thousandths(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(places) || places.len() > 3 {
        return Err(format!("`{text}` is no number of at most three decimal places"));
    }
    let places: u64 = format!("{places:0<3}").parse().map_err(|_| format!("`{text}` is no number"))?;
    let whole: Option<u64> = whole.parse().ok();
    let all = whole.and_then(|whole| whole.checked_mul(1000)?.checked_add(places));
    all.ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Resources =
        Resources { sandboxes: 1000, memory_bytes: 24 << 30, millicores: 2000, pids: 32_768, descriptors: 20_000 };

    #[test]
    fn what_is_not_said_of_the_reserve_has_its_default() {
        let kept = Reserve::default().of(HOST);
        assert_eq!((kept.memory_bytes, kept.millicores, kept.pids, kept.descriptors), ((24 << 30) / 10, 0, 3276, 5000));
        let kept: Reserve = "memory=2GiB, processors=0.5,pids=4096,descriptors=512".parse().unwrap();
        let kept = kept.of(HOST);
        assert_eq!((kept.memory_bytes, kept.millicores, kept.pids, kept.descriptors), (2 << 30, 500, 4096, 512));
        let kept = "pids=0".parse::<Reserve>().unwrap().of(HOST);
        assert_eq!((kept.memory_bytes, kept.pids), ((24 << 30) / 10, 0));
    }

    #[test]
    fn a_small_host_keeps_half_of_itself_at_most() {
        let host = Resources { memory_bytes: 512 << 20, pids: 1000, descriptors: 600, ..HOST };
        let kept = Reserve::default().of(host);
        assert_eq!((kept.memory_bytes, kept.pids, kept.descriptors), (256 << 20, 500, 300));
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_named() {
        for (text, expected) in [
            ("2GiB", "`2GiB`"),
            ("memory=much", "much"),
            ("disk=1GiB", "`disk`"),
            ("pids=-1", "`-1`"),
            ("pids=1,pids=2", "twice"),
            ("processors=.5", "`.5`"),
            ("processors=99999999999999999999", "too large"),
        ] {
            let refused = text.parse::<Reserve>().unwrap_err();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn factors_and_shares_are_within_their_bounds() {
        assert_eq!("1.5".parse::<Factor>().unwrap().of(1000), 1500);
        assert_eq!(Factor::default().of(u64::MAX), u64::MAX);
        assert!(["0.9", "101", "-1", "much"].iter().all(|text| text.parse::<Factor>().is_err()));
        assert_eq!(("50%".parse::<Share>().unwrap().0, "100".parse::<Share>().unwrap().0), (50, 100));
        assert!(["0%", "101%", "half"].iter().all(|text| text.parse::<Share>().is_err()));
    }
}
