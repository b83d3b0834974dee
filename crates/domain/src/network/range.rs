//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::number::decimal;

/// All addresses that share a prefix, such as `10.0.0.0/8` or `2001:db8::/32`. A single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    prefix: u8,
}

impl AddressRange {
    /// Creates the range of IPv4 addresses that share `prefix` bits with `first`.
    pub(super) const fn v4(first: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = first;
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// Creates the range of IPv6 addresses that share `prefix` bits with `first`, which holds the first four of the
    /// eight 16-bit groups.
    pub(super) const fn v6(first: [u16; 4], prefix: u8) -> Self {
        let [a, b, c, d] = first;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix }
    }

    /// Returns whether an address is in the range. An IPv4-mapped IPv6 address counts as its IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                // The XOR is below 2^n exactly if only the last n bits differ. A shift by all bits would overflow; then
                // n is 0.
                first.to_bits() ^ address.to_bits() <= u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                first.to_bits() ^ address.to_bits() <= u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0)
            }
            _ => false,
        }
    }

    /// Returns whether the range contains all of another range.
    #[must_use]
    pub fn contains_range(&self, other: &Self) -> bool {
        // Two ranges are either nested or disjoint. So a range that starts inside this one and is not larger lies
        // inside it.
        self.prefix <= other.prefix && self.contains(other.first)
    }

    fn width(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let not_a_range =
            || InvalidRangeError(format!("`{text}` is neither an address nor a range such as 10.0.0.0/8"));
        let first: IpAddr = address.parse().map_err(|_| not_a_range())?;
        if first.to_canonical() != first {
            return Err(InvalidRangeError(format!("`{text}` is IPv4 in the form of IPv6: write it as IPv4")));
        }
        let width = Self::width(first);
        let prefix = prefix.map_or(Some(width), decimal).filter(|prefix| *prefix <= width).ok_or_else(not_a_range)?;
        let host_bits = match first {
            IpAddr::V4(first) => u128::from(first.to_bits() & u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)),
            IpAddr::V6(first) => first.to_bits() & u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0),
        };
        if host_bits != 0 {
            return Err(InvalidRangeError(format!("`{text}` names an address inside the range, not its beginning")));
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        if self.prefix == Self::width(self.first) { Ok(()) } else { write!(formatter, "/{}", self.prefix) }
    }
}

/// The error for text that is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRangeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_begins_with_its_bits_and_nothing_else() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("fc00::/7", "fdff::1", "fe00::"),
            ("::/0", "2600::1", "1.2.3.4"),
            ("2600::1", "2600::1", "2600::2"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ] {
            let parsed: AddressRange = range.parse().unwrap();
            assert_eq!(parsed.to_string(), range);
            assert!(parsed.contains(inside.parse().unwrap()), "{inside} is in {range}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{outside} is not in {range}");
        }
    }

    #[test]
    fn a_range_lies_in_another_that_begins_before_and_ends_behind_it() {
        let lies_in =
            |inner: &str, outer: &str| outer.parse::<AddressRange>().unwrap().contains_range(&inner.parse().unwrap());
        assert!(lies_in("10.0.0.0/8", "10.0.0.0/8") && lies_in("10.1.0.0/16", "10.0.0.0/8") && lies_in("::1", "::/0"));
        for (inner, outer) in [("10.0.0.0/7", "10.0.0.0/8"), ("11.0.0.0/8", "10.0.0.0/8"), ("10.0.0.0/8", "::/0")] {
            assert!(!lies_in(inner, outer), "{inner} is not in {outer}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_a_reason() {
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "example.com",
            "::ffff:10.0.0.0/104",
            "::ffff:0:0/96",
            "10.0.0.0/08",
            "10.0.0.0/ 8",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0 /8",
            "010.0.0.0/8",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "2130706433",
            "fe80::1%eth0",
            "fe80::%1/64",
            "[::1]",
        ] {
            let error = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
