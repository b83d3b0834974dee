#![doc = include_str!("../README.md")]

mod page;

pub use page::page;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The mark that is shown where a vendor gave none of his own: square, an SVG, for light backgrounds and dark ones.
pub static DEFAULT_LOGO: &[u8] = include_bytes!("logo.svg");

/// A file, as it is to be served.
#[derive(Debug)]
pub struct Asset {
    /// Where the page expects it, relative to itself: `assets/index-1a2b3c4d.js`.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its weak `ETag`, the same whatever the coding.
    pub etag: &'static str,
    /// Whether its name changes when its content does, so that it may be kept for ever.
    pub immutable: bool,
    /// Its content.
    pub bytes: &'static [u8],
    /// Its content in brotli, where that is shorter.
    pub brotli: Option<&'static [u8]>,
    /// Its content in gzip, where that is shorter.
    pub gzip: Option<&'static [u8]>,
}

/// The file at this path, relative to the page.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    // The table is in the order of paths.
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|index| ASSETS.get(index))
}

/// All files, in the order of their paths.
#[must_use]
pub fn assets() -> &'static [Asset] {
    ASSETS
}

#[cfg(test)]
mod tests;
