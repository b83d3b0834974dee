#![doc = include_str!("../README.md")]

mod page;

pub use page::page;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The logo for vendors that have set none: a square SVG for light and dark backgrounds.
pub static DEFAULT_LOGO: &[u8] = include_bytes!("logo.svg");

/// A file that the server serves.
#[derive(Debug)]
pub struct Asset {
    /// The path relative to the page, as `assets/index-1a2b3c4d.js`.
    pub path: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The weak `ETag`. It is the same for every coding.
    pub etag: &'static str,
    /// Whether the name changes with the content, so that clients may cache the file for ever.
    pub immutable: bool,
    /// The content.
    pub bytes: &'static [u8],
    /// The content in brotli, if that is shorter.
    pub brotli: Option<&'static [u8]>,
    /// The content in gzip, if that is shorter.
    pub gzip: Option<&'static [u8]>,
}

/// Returns the file at this path, relative to the page.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    // The table is sorted by path.
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|index| ASSETS.get(index))
}

/// Returns all files, sorted by path.
#[must_use]
pub fn assets() -> &'static [Asset] {
    ASSETS
}

#[cfg(test)]
mod tests;
