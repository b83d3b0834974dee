//! Strict parsing of numbers in names, addresses and rules.

use std::num::NonZeroU16;
use std::str::FromStr;

/// Parses a decimal number that consists of digits only: no sign, no spaces, no leading zeros.
pub(super) fn decimal<T: FromStr>(text: &str) -> Option<T> {
    // `parse` alone accepts a leading `+`, and some programs read a leading zero as octal: `010` would have two
    // meanings.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Parses a port that can be connected to: 1 to 65535.
pub(super) fn port(text: &str) -> Option<NonZeroU16> {
    decimal(text).and_then(NonZeroU16::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_to_five_digits_and_nothing_around_them() {
        for (text, expected) in [("1", 1), ("80", 80), ("65535", 65535)] {
            assert_eq!(port(text).map(NonZeroU16::get), Some(expected));
        }
        // The last but one has full-width digits, which are digits of Unicode but not of ASCII.
        for text in
            ["", "0", "00", "080", "+80", "-80", " 80", "80 ", "8_0", "0x50", "65536", "99999999999", "８０", "80\n"]
        {
            assert_eq!(port(text), None, "{text:?}");
        }
        assert_eq!((decimal::<u8>("0"), decimal::<u8>("256")), (Some(0), None));
    }
}
