//! Branding of the console.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use actix_web::web::Bytes;

/// Maximum length of a name, in characters. It is shown in a corner of the page and in the browser tab.
const MAX_NAME: usize = 60;
/// Maximum size of a logo, in bytes.
const MAX_LOGO: usize = 512 * 1024;

/// The vendor that the console shows: name, logo and colour.
#[derive(Debug, Clone)]
pub struct Branding {
    name: String,
    logo: Logo,
    accent: Option<String>,
}

/// An image of a type that every browser supports. The type is detected from the content.
#[derive(Clone)]
pub struct Logo {
    bytes: Bytes,
    content_type: &'static str,
    etag: String,
}

/// The error for branding that the console cannot show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBrandingError {
    /// The name is empty, too long, or not a single line.
    #[error("the name must be one line of 1 to {MAX_NAME} characters")]
    Name,
    /// The text is not a colour in the supported form.
    #[error("the accent must be a colour as #rrggbb, not `{0}`")]
    Accent(String),
    /// The logo is too large.
    #[error("the logo has more than the {MAX_LOGO} bytes that it may have")]
    LogoTooLarge,
    /// The content is not an image of a supported type.
    #[error("the logo must be an SVG, PNG, WebP, JPEG or ICO image")]
    LogoKind,
}

impl Branding {
    /// Creates branding with a name, the default logo and the default colour.
    ///
    /// # Errors
    ///
    /// [`InvalidBrandingError::Name`].
    pub fn new(name: &str) -> Result<Self, InvalidBrandingError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
            return Err(InvalidBrandingError::Name);
        }
        Ok(Self { name: name.to_owned(), ..Self::default() })
    }

    /// Replaces the logo.
    #[must_use]
    pub fn with_logo(self, logo: Logo) -> Self {
        Self { logo, ..self }
    }

    /// Replaces the colour, given as `#rrggbb`.
    ///
    /// # Errors
    ///
    /// [`InvalidBrandingError::Accent`].
    pub fn with_accent(self, accent: &str) -> Result<Self, InvalidBrandingError> {
        let digits = accent.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidBrandingError::Accent(accent.to_owned()));
        }
        Ok(Self { accent: Some(accent.to_ascii_lowercase()), ..self })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn logo(&self) -> &Logo {
        &self.logo
    }

    pub(super) fn accent(&self) -> Option<&str> {
        self.accent.as_deref()
    }
}

impl Default for Branding {
    fn default() -> Self {
        let logo = Logo::of(Bytes::from_static(workers_console::DEFAULT_LOGO), "image/svg+xml");
        Self { name: "Workers Platform".to_owned(), logo, accent: None }
    }
}

impl Logo {
    /// Creates a logo from an image.
    ///
    /// # Errors
    ///
    /// [`InvalidBrandingError::LogoTooLarge`] and [`InvalidBrandingError::LogoKind`].
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, InvalidBrandingError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_LOGO {
            return Err(InvalidBrandingError::LogoTooLarge);
        }
        let content_type = kind(&bytes).ok_or(InvalidBrandingError::LogoKind)?;
        Ok(Self::of(bytes, content_type))
    }

    fn of(bytes: Bytes, content_type: &'static str) -> Self {
        // The tag only has to change with the content. A server that another Rust has built may hash differently, which
        // costs one download.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self { bytes, content_type, etag: format!("\"{:016x}\"", hasher.finish()) }
    }

    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(super) const fn content_type(&self) -> &'static str {
        self.content_type
    }

    pub(super) fn etag(&self) -> &str {
        &self.etag
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Logo").field(&self.content_type).finish()
    }
}

/// Detects the media type from the content.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let is_svg = || {
        // Editors write a byte order mark, and an XML declaration may come before the element.
        let text = str::from_utf8(bytes).unwrap_or_default().trim_start_matches('\u{feff}').trim_start();
        text.starts_with('<') && text.contains("<svg")
    };
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0, 0, 1, 0, ..] => Some("image/x-icon"),
        _ if is_svg() => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_content() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n"[..], Some("image/png")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"\0\0\x01\0\x01\0", Some("image/x-icon")),
            ("\u{feff}<?xml version='1.0'?>\n<svg xmlns='x'/>".as_bytes(), Some("image/svg+xml")),
            (b"<html></html>", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(Logo::new(bytes).ok().map(|logo| logo.content_type), kind, "{bytes:?}");
        }
    }

    #[test]
    fn a_logo_has_a_largest_size() {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.resize(MAX_LOGO, 0);
        assert!(Logo::new(bytes.clone()).is_ok());
        bytes.push(0);
        assert_eq!(Logo::new(bytes).unwrap_err(), InvalidBrandingError::LogoTooLarge);
    }

    #[test]
    fn a_name_is_one_line_with_something_on_it() {
        assert_eq!(Branding::new(" Acme & Söhne ").unwrap().name, "Acme & Söhne");
        for name in ["", "  ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(Branding::new(name).unwrap_err(), InvalidBrandingError::Name, "{name:?}");
        }
    }

    #[test]
    fn an_accent_is_six_hexadecimal_digits() {
        assert_eq!(Branding::default().with_accent("#12ABcd").unwrap().accent.as_deref(), Some("#12abcd"));
        for accent in ["", "12abcd", "#12abc", "#12abcg", "red", "#12abcd;"] {
            assert!(Branding::default().with_accent(accent).is_err(), "{accent}");
        }
    }
}
