//! Checks links within README.md and docs/.

use std::path::{Path, PathBuf};

use crate::support::document::pages;

/// Returns the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|symbol| symbol.is_alphanumeric() || [' ', '-', '_'].contains(symbol));
    kept.flat_map(char::to_lowercase).map(|symbol| if symbol == ' ' { '-' } else { symbol }).collect()
}

fn has_anchor(file: &Path, wanted: &str) -> bool {
    let page = std::fs::read_to_string(file).unwrap();
    page.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut dead, mut tried) = (Vec::new(), 0);
    for (name, page) in pages() {
        let file = root.join(&name);
        for target in page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.contains("://") {
                continue;
            }
            let (path, wanted) = target.split_once('#').unwrap_or((target, ""));
            let there: PathBuf = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            if !there.exists() || !wanted.is_empty() && !has_anchor(&there, wanted) {
                dead.push(format!("{name}: {target}"));
            }
            tried += 1;
        }
    }
    assert!(dead.is_empty(), "{dead:?}");
    assert!(tried > 50, "{tried}");
}
