//! Domain names of hosts.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a label, and maximum length of a name including the dots between its labels, in bytes.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// The domain name of a host, such as `www.example.com`: labels of ASCII letters, digits, `-` and `_`. It is parsed
/// once and compared label by label. Comparison ignores case and one trailing dot.
///
/// DNS also has names whose labels contain dots, spaces or arbitrary bytes. No host has such a name, so they are not a
/// `DomainName`. Text that some programs parse as an address (`127.1`, `0x7f.1`) is refused too: a name does not end in
/// a number. An internationalized name must be in its ASCII form (`xn--mller-kva.de`). We do not convert names, because
/// programs differ in how they convert them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainName {
    /// The name in lower case, with dots between the labels. No label contains a dot, so this is equivalent to a list
    /// of labels.
    text: String,
}

/// The error for text that is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a host")]
pub struct InvalidDomainNameError;

impl DomainName {
    /// Builds a name from labels, without the empty label at the end.
    ///
    /// # Errors
    ///
    /// If no host can have such a name.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, InvalidDomainNameError> {
        let mut text = String::new();
        for label in labels {
            let label =
                std::str::from_utf8(label).ok().filter(|label| is_label(label)).ok_or(InvalidDomainNameError)?;
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(label);
            // Checked in the loop, so that a long list of labels takes no more memory than a name.
            if text.len() > MAX_NAME {
                return Err(InvalidDomainNameError);
            }
        }
        text.make_ascii_lowercase();
        let last = text.rsplit('.').next().unwrap_or_default();
        if last.is_empty() || is_number(last) { Err(InvalidDomainNameError) } else { Ok(Self { text }) }
    }

    /// Returns the labels in lower case, from last to first.
    pub fn labels_from_the_end(&self) -> impl Iterator<Item = &str> {
        self.text.rsplit('.')
    }

    /// Returns whether the name has more than one label.
    #[must_use]
    pub fn is_dotted(&self) -> bool {
        self.labels_from_the_end().nth(1).is_some()
    }

    /// Returns whether the name is a subdomain of `other`: it ends with all labels of `other` and has at least one more
    /// in front.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        let mut own = self.labels_from_the_end();
        other.labels_from_the_end().all(|label| own.next() == Some(label)) && own.next().is_some()
    }

    /// Returns the name in lower case, without a trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_label(label: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(known)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Returns whether programs that accept old address notations would parse this last label as a number.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl FromStr for DomainName {
    type Err = InvalidDomainNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_labels(text.strip_suffix('.').unwrap_or(text).split('.').map(str::as_bytes))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    #[test]
    fn case_and_one_dot_at_the_end_make_no_difference() {
        for text in ["WWW.Example.COM", "www.example.com.", "www.example.com"] {
            assert_eq!(name(text), name("www.example.com"), "{text}");
            assert_eq!(name(text).as_str(), "www.example.com");
        }
        let labels = [&b"wWw"[..], b"example", b"com"];
        assert_eq!(DomainName::from_labels(labels), Ok(name("www.example.com")));
    }

    #[test]
    fn a_name_is_below_another_by_whole_labels() {
        for (below, above) in [("a.example.com", "example.com"), ("a.b.example.com", "Example.com"), ("a.com", "com")] {
            assert!(name(below).is_below(&name(above)), "{below} is below {above}");
            assert!(!name(above).is_below(&name(below)), "{above} is not below {below}");
        }
        for (other, above) in [
            ("example.com", "example.com"),
            ("notexample.com", "example.com"),
            ("example.com.evil.net", "example.com"),
            ("example.community", "example.com"),
            ("com", "example.com"),
        ] {
            assert!(!name(other).is_below(&name(above)), "{other} is not below {above}");
        }
    }

    #[test]
    fn labels_that_no_host_has_make_no_name() {
        let long = [b'a'; 64];
        for labels in [
            &[&b"evil.example"[..], b"com"][..],
            &[b"evil.example.com"],
            &[b"evil\\.example", b"com"],
            &[b"evil\0", b"example", b"com"],
            &[b"evil ", b"example", b"com"],
            &[b"evil\xff", b"example", b"com"],
            &["é".as_bytes(), b"example", b"com"],
            &[b"", b"example", b"com"],
            &[b"a", b"", b"com"],
            &[b"-a", b"com"],
            &[b"a-", b"com"],
            &[b"*", b"com"],
            &[b"com", b""],
            &[&long, b"com"],
            &[b""],
            &[],
        ] {
            assert_eq!(DomainName::from_labels(labels.iter().copied()), Err(InvalidDomainNameError), "{labels:?}");
        }
        assert!(DomainName::from_labels([&long[..63], b"com"]).is_ok());
    }

    #[test]
    fn what_is_too_long_empty_or_an_address_in_any_old_form_is_no_name() {
        // 255 bytes; without its first label it is the longest name, of 253 bytes.
        let long = format!("{}com", "a.".repeat(126));
        for text in [
            "",
            ".",
            "..",
            "a..",
            ".a",
            "a..b",
            "a b",
            "a\n",
            "a%00",
            "a:1",
            "a@b",
            "a/b",
            "127.0.0.1",
            "127.1",
            "127",
            "0177.0.0.1",
            "0x7f.1",
            "0x7f000001",
            "0X7F.0x1",
            "0x",
            "a.0x",
            "a.1",
            "127.0.0.1.",
            "::1",
            "[::1]",
            &long,
        ] {
            assert_eq!(text.parse::<DomainName>(), Err(InvalidDomainNameError), "{text:?}");
        }
        for text in ["0x7f.com", "1.a", "0xg", "a.0xfg", "_srv._tcp.example.com", "xn--mller-kva.de", &long[2..]] {
            assert!(text.parse::<DomainName>().is_ok(), "{text}");
        }
    }
}
