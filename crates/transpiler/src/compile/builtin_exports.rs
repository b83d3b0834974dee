//! The exports of the modules of Node.js, in the version that the platform ships.
//!
//! `scripts/builtin-exports.mjs` writes the list; a test compares it with the Node.js that runs the tests. The list
//! omits `process`, whose exports depend on the command line.

/// The first line has the version. Each further line has a module's name and its sorted exports.
const LIST: &str = include_str!("builtin_exports.txt");
/// Maximum number of suggested names.
const MOST: usize = 3;
/// Modules that only old programs use.
const OLD: &[&str] = &["constants", "punycode", "sys"];

/// Returns the version of Node.js that the list is of, such as `24.21.0`.
pub(crate) fn version() -> &'static str {
    // Without a version every Node.js counts as newer, so a broken list refuses no import.
    LIST.lines().next().and_then(|line| line.strip_prefix("node ")).unwrap_or_default()
}

/// Returns whether a version of Node.js, such as `24.1.0`, is newer than the list. Also true if the text is not a
/// version.
pub(crate) fn is_newer(other: &str) -> bool {
    match (numbers(other), numbers(version())) {
        (Some(other), Some(ours)) => other > ours,
        // A nightly version such as `26.0.0-nightly` has no three numbers. Not to check moves an error to run time; to
        // check against the wrong list would refuse correct code.
        _ => true,
    }
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// The result of looking up a name that is imported from a module.
pub(super) enum Export {
    /// The module exports it, or the list does not contain the module.
    Known,
    /// The module does not export it.
    Missing {
        /// Similar names that the module exports.
        near: Vec<&'static str>,
        /// Modules that export the name.
        elsewhere: Vec<&'static str>,
    },
}

/// Looks up the export `name` of the module that `specifier` refers to.
pub(super) fn look_up(specifier: &str, name: &str) -> Export {
    let module = specifier.strip_prefix("node:").unwrap_or(specifier);
    let Some((_, mut exports)) = modules().find(|(name, _)| *name == module) else {
        return Export::Known;
    };
    // Every module of Node.js has a default export; the list leaves it out.
    if name == "default" || exports.clone().any(|export| export == name) {
        return Export::Known;
    }
    let mut near: Vec<(usize, &str)> = Vec::new();
    near.extend(exports.by_ref().filter_map(|export| Some((distance(name, export)?, export))));
    near.sort_unstable();
    let best = near.first().map(|&(distance, _)| distance);
    near.retain(|&(distance, _)| Some(distance) == best);
    let has = |exports: &mut std::str::SplitAsciiWhitespace<'static>| exports.any(|export| export == name);
    let current = modules().filter(|(module, _)| !OLD.contains(module));
    let elsewhere = current.filter_map(|(module, mut exports)| has(&mut exports).then_some(module));
    Export::Missing {
        near: near.into_iter().map(|(_, export)| export).take(MOST).collect(),
        elsewhere: elsewhere.take(MOST).collect(),
    }
}

fn modules() -> impl Iterator<Item = (&'static str, std::str::SplitAsciiWhitespace<'static>)> {
    LIST.lines().skip(1).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        Some((words.next()?, words))
    })
}

/// Returns how many characters differ, if they are few for the length of the name. Ignores case.
fn distance(name: &str, export: &str) -> Option<usize> {
    let (name, export) = (name.to_ascii_lowercase(), export.to_ascii_lowercase());
    let most = (name.len().min(export.len()) / 3).clamp(1, 3);
    if name.len().abs_diff(export.len()) > most {
        return None;
    }
    let (from, to) = (name.as_bytes(), export.as_bytes());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let changed = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            // Two swapped characters count as one change.
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().filter(|&distance| distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(specifier: &str, name: &str) -> Vec<&'static str> {
        match look_up(specifier, name) {
            Export::Known => vec![],
            Export::Missing { near, .. } => near,
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(is_newer("24.100.0") && is_newer("25.0.0") && is_newer("26.0.0-nightly"));
        assert!(!is_newer(version()) && !is_newer("24.3.9") && !is_newer("9.99.99"));
    }

    #[test]
    fn exports_are_known_by_both_names_of_a_module() {
        for (specifier, name) in [("fs", "readFile"), ("node:fs", "readFileSync"), ("node:path", "default")] {
            assert!(matches!(look_up(specifier, name), Export::Known), "{specifier} {name}");
        }
    }

    #[test]
    fn only_the_nearest_names_are_suggested() {
        assert_eq!(near("node:fs", "readFil")[0], "readFile");
        assert_eq!(near("node:fs", "readfilesync")[0], "readFileSync");
        assert_eq!(near("node:crypto", "randomUuid"), ["randomUUID"]);
        assert_eq!(near("node:path", "jion"), ["join"]);
        assert_eq!(near("node:fs", "foo"), [""; 0]);
    }

    #[test]
    fn modules_that_export_a_name_are_named() {
        let Export::Missing { elsewhere, .. } = look_up("node:fs", "promisify") else {
            panic!("it is no export of fs");
        };
        assert_eq!(elsewhere, ["util"]);
    }
}
