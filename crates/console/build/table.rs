//! Writes the table of files that the library embeds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

/// The page. It is filled in for every visitor, so it is no file in the table.
const PAGE: &str = "index.html";

/// Codings and file name extensions. A compressed copy of a file has the same name with one of these extensions.
const CODINGS: [(&str, &str); 2] = [("brotli", "br"), ("gzip", "gz")];

/// Writes Rust that embeds every file of `dist`.
pub(crate) fn write(dist: &Path, table: &Path) -> Result<(), String> {
    let unreadable = |error| format!("cannot read the console's files in {}: {error}", dist.display());
    // Sorted by path, because `asset` in `src/lib.rs` does a binary search.
    let mut files = BTreeMap::new();
    list(dist, "", &mut files).map_err(unreadable)?;
    let page = files.remove(PAGE).ok_or_else(|| format!("{} has no {PAGE}", dist.display()))?;
    let mut text = format!("static PAGE: &str = include_str!({page:?});\nstatic ASSETS: &[Asset] = &[\n");
    for (path, file) in &files {
        if CODINGS.iter().any(|(_, ending)| twin_of(path, ending).is_some_and(|plain| files.contains_key(plain))) {
            continue;
        }
        let bytes = fs::read(file).map_err(unreadable)?;
        let content_type = content_type(path)
            .ok_or_else(|| format!("{path} is of a kind that crates/console/build/table.rs does not know"))?;
        // The tag only has to change with the content, so a hash without a secret will do.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        // Vite puts a hash of the content into these names, and into no others.
        let immutable = path.starts_with("assets/");
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, etag: {etag:?}, immutable: {immutable}, "
        );
        let _ = write!(text, "bytes: include_bytes!({file:?}), ");
        for (field, ending) in CODINGS {
            let _ = match files.get(&format!("{path}.{ending}")) {
                Some(twin) => write!(text, "{field}: Some(include_bytes!({twin:?})), "),
                None => write!(text, "{field}: None, "),
            };
        }
        text.push_str("},\n");
    }
    text.push_str("];\n");
    fs::write(table, text).map_err(|error| format!("cannot write {}: {error}", table.display()))
}

fn twin_of<'a>(path: &'a str, ending: &str) -> Option<&'a str> {
    path.strip_suffix(ending)?.strip_suffix('.')
}

fn list(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, entry.path().display().to_string());
        }
    }
    Ok(())
}

fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit('.').next()? {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        // Browsers show plain text, but would download Markdown.
        "md" | "txt" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => return None,
    })
}
