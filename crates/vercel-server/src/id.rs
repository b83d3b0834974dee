//! Random ids in the formats that clients expect.

use std::fmt::Write as _;

use uuid::Uuid;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Generates the id of a session.
pub(crate) fn session() -> String {
    format!("sbx_{}", digits(62, 28))
}

/// Generates the id of a snapshot.
pub(crate) fn snapshot() -> String {
    format!("snap_{}", digits(62, 28))
}

/// Generates the id of a command.
pub(crate) fn command() -> String {
    let mut id = String::from("cmd_");
    for byte in random().take(14) {
        // Writing to a `String` cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// Generates the first label of a port's host name.
pub(crate) fn subdomain() -> String {
    format!("sb-{}", digits(36, 12).to_ascii_lowercase())
}

/// Generates a name for a sandbox that is created without one.
pub(crate) fn name() -> String {
    format!("sbx-{}", digits(36, 20).to_ascii_lowercase())
}

/// Generates a file name.
pub(crate) fn file() -> String {
    Uuid::new_v4().simple().to_string()
}

fn digits(base: u8, length: usize) -> String {
    // Reject bytes above the largest multiple of the base: they would favour the first digits.
    let fair = u8::MAX - u8::MAX % base;
    random().filter(|byte| *byte < fair).take(length).map(|byte| char::from(BASE62[usize::from(byte % base)])).collect()
}

/// Returns an endless sequence of random bytes.
fn random() -> impl Iterator<Item = u8> {
    std::iter::repeat_with(|| {
        let bytes = Uuid::new_v4().into_bytes();
        // The seventh and the ninth byte hold the version and the variant, and are not fully random.
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
