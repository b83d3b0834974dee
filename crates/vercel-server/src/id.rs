//! Random ids, in the forms that clients know.

use std::fmt::Write as _;

use uuid::Uuid;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A session's id.
pub(crate) fn session() -> String {
    format!("sbx_{}", digits(62, 28))
}

/// A snapshot's id.
pub(crate) fn snapshot() -> String {
    format!("snap_{}", digits(62, 28))
}

/// A command's id.
pub(crate) fn command() -> String {
    let mut id = String::from("cmd_");
    for byte in random().take(14) {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The first label of a port's host.
pub(crate) fn subdomain() -> String {
    format!("sb-{}", digits(36, 12).to_ascii_lowercase())
}

/// A name for a sandbox whose owner gave none.
pub(crate) fn name() -> String {
    format!("sbx-{}", digits(36, 20).to_ascii_lowercase())
}

/// A name for a file.
pub(crate) fn file() -> String {
    Uuid::new_v4().simple().to_string()
}

fn digits(base: u8, length: usize) -> String {
    // What is above the largest multiple of the base would favour the first digits.
    let fair = u8::MAX - u8::MAX % base;
    random().filter(|byte| *byte < fair).take(length).map(|byte| char::from(BASE62[usize::from(byte % base)])).collect()
}

/// Random bytes without end.
fn random() -> impl Iterator<Item = u8> {
    std::iter::repeat_with(|| {
        let bytes = Uuid::new_v4().into_bytes();
        // The seventh and the ninth byte hold the version, and are not random throughout.
        bytes.into_iter().enumerate().filter(|(index, _)| *index != 6 && *index != 8).map(|(_, byte)| byte)
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_that_clients_know() {
        let is = |id: &str, prefix: &str, length: usize, known: fn(char) -> bool| {
            let rest = id.strip_prefix(prefix).unwrap();
            assert!(rest.len() == length && rest.chars().all(known), "{id}");
        };
        for _ in 0..100 {
            is(&session(), "sbx_", 28, |digit| digit.is_ascii_alphanumeric());
            is(&snapshot(), "snap_", 28, |digit| digit.is_ascii_alphanumeric());
            is(&command(), "cmd_", 28, |digit| digit.is_ascii_hexdigit());
            is(&subdomain(), "sb-", 12, |digit| digit.is_ascii_lowercase() || digit.is_ascii_digit());
        }
        assert_ne!(session(), session());
    }
}
