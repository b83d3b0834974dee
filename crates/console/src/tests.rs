//! Checks that must hold for the built files, whatever the sources are.

use super::*;

/// The most bytes that the first load of the console may transfer.
const FIRST_LOAD_BYTES: usize = 250_000;

/// Returns the values of the attributes `src` and `href`.
fn references(page: &str) -> Vec<&str> {
    let quoted = |attribute| page.split(attribute).skip(1).filter_map(|rest: &str| rest.split('"').next());
    quoted(" src=\"").chain(quoted(" href=\"")).collect()
}

/// Returns our files that the page loads.
fn loaded(page: &str) -> Vec<&'static Asset> {
    // The logo is the vendor's: `workers-http` serves it, and not this crate.
    let ours = references(page).into_iter().filter(|path| *path != "./branding/logo");
    ours.map(|path| asset(path.trim_start_matches("./")).unwrap_or_else(|| panic!("{path} is no file of ours")))
        .collect()
}

#[test]
fn everything_that_the_page_refers_to_is_there_and_beside_it() {
    let page = page("Workers", None, "n");
    assert!(references(&page).iter().all(|path| path.starts_with("./")), "{page}");
    assert!(loaded(&page).iter().any(|asset| asset.content_type.starts_with("text/javascript")));
}

#[test]
fn the_first_load_is_small() {
    let page = page("Workers", None, "n");
    let compressed = loaded(&page).into_iter().map(|asset| asset.brotli.unwrap_or(asset.bytes).len()).sum::<usize>();
    assert!(page.len() + compressed < FIRST_LOAD_BYTES, "{compressed}");
}

#[test]
fn the_page_has_no_script_of_its_own() {
    let page = page("Workers", None, "n");
    for script in page.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains(" src=\"./") && rest.starts_with("</script>"), "{script}");
    }
    assert!(!page.contains("javascript:") && !page.contains(" onload="), "{page}");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for asset in assets().iter().filter(|asset| asset.content_type.starts_with("text/css")) {
        let style = str::from_utf8(asset.bytes).unwrap();
        for url in style.split("url(").skip(1) {
            assert!(
                !url.trim_start_matches(['"', '\'']).starts_with("http") && !url.starts_with("//"),
                "{}",
                asset.path
            );
        }
        assert!(!style.contains("@import"), "{}", asset.path);
    }
}

#[test]
fn every_file_is_found_by_its_path_and_nothing_else_is() {
    for file in assets() {
        assert_eq!(asset(file.path).map(|found| found.etag), Some(file.etag));
    }
    for path in ["", "index.html", "assets/", "../Cargo.toml", "assets/none.js"] {
        assert!(asset(path).is_none(), "{path}");
    }
}

#[test]
fn the_licences_of_what_is_bundled_are_among_the_files() {
    let licences = asset("licenses.md").unwrap();
    assert!(!licences.immutable);
    assert!(str::from_utf8(licences.bytes).unwrap().contains("preact"));
}
