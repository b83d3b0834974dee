//! No two files name each other: a reader who has understood what lies below a file has understood all that it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::modules::{Module, Names, modules_of};

/// Returns the module that a path leads to, seen from a module; `None` if it leads out of the crate.
fn target(modules: &BTreeMap<Names, Module>, from: &Names, path: &[String], depth: usize) -> Option<Names> {
    // Imports that lead back to themselves lead nowhere.
    if depth > 20 {
        return None;
    }
    let first = path.first()?;
    let (mut module, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (from.clone(), &path[1..]),
        "super" => {
            let up = path.iter().take_while(|name| *name == "super").count();
            (from[..from.len().checked_sub(up)?].to_vec(), &path[up..])
        }
        _ if modules.contains_key(&[&from[..], std::slice::from_ref(first)].concat()) => (from.clone(), path),
        _ => {
            let import = modules[from].imports.get(first).filter(|import| *import != path)?;
            return target(modules, from, &[&import[..], &path[1..]].concat(), depth + 1);
        }
    };
    while let Some((name, after)) = rest.split_first() {
        let below = [&module[..], std::slice::from_ref(name)].concat();
        if !modules.contains_key(&below) {
            break;
        }
        (module, rest) = (below, after);
    }
    let Some((name, _)) = rest.split_first() else { return Some(module) };
    let found = &modules[&module];
    if found.items.contains(name) {
        return Some(module);
    }
    if let Some(import) = found.imports.get(name) {
        return target(modules, &module, import, depth + 1);
    }
    let by_glob = found.globs.iter().find_map(|glob| {
        let there = target(modules, &module, &[&glob[..], &rest[..1]].concat(), depth + 1)?;
        modules[&there].items.contains(name).then_some(there)
    });
    Some(by_glob.unwrap_or(module))
}

/// Returns which modules each module names.
fn arrows(modules: &BTreeMap<Names, Module>) -> BTreeMap<Names, BTreeSet<Names>> {
    let of = |(name, module): (&Names, &Module)| {
        let named = module.paths.iter().filter_map(|path| target(modules, name, path, 0));
        (name.clone(), named.filter(|named| named != name).collect())
    };
    modules.iter().map(of).collect()
}

/// Returns the modules that a module leads to, over any number of arrows.
fn reached<'a>(arrows: &'a BTreeMap<Names, BTreeSet<Names>>, from: &'a Names) -> BTreeSet<&'a Names> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        open.extend(arrows[module].iter().filter(|next| found.insert(*next)));
    }
    found
}

/// Returns the circles of a crate: each as the arrows within it.
fn circles(modules: &BTreeMap<Names, Module>) -> Vec<Vec<String>> {
    let arrows = arrows(modules);
    let reached: BTreeMap<_, _> = modules.keys().map(|module| (module, reached(&arrows, module))).collect();
    let (mut seen, mut circles) = (BTreeSet::new(), Vec::new());
    for module in modules.keys().filter(|module| reached[module].contains(module)) {
        if seen.contains(module) {
            continue;
        }
        let circle: BTreeSet<_> =
            reached[module].iter().copied().filter(|other| reached[*other].contains(module)).collect();
        let within = circle.iter().flat_map(|from| {
            let named = arrows[*from].iter().filter(|to| circle.contains(to));
            named.map(|to| format!("{} -> {}", from.join("::"), to.join("::")))
        });
        circles.push(within.collect());
        seen.extend(circle);
    }
    circles
}

#[test]
fn the_files_of_no_crate_name_each_other_in_a_circle() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["crates", "bins"] {
        for package in fs::read_dir(workspace.join(folder)).unwrap() {
            let package = package.unwrap().path();
            let name = package.file_name().unwrap().to_str().unwrap().to_owned();
            for root in ["src/lib.rs", "src/main.rs"].map(|root| package.join(root)).iter().filter(|root| root.exists())
            {
                let of_crate = circles(&modules_of(root)).into_iter();
                found.extend(of_crate.map(|circle| format!("{name}:\n    {}", circle.join("\n    "))));
            }
        }
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_circle_is_found_through_imports_paths_and_re_exports() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use b::B;");
    write("a.rs", "use crate::B; pub struct A(B);");
    write("b.rs", "pub struct B; impl B { fn of() { crate::c::c() } }");
    write("c.rs", "pub fn c() { println!(\"{}\", crate::a::A::name()) }");
    let found = circles(&modules_of(&directory.path().join("lib.rs")));
    assert_eq!(found, [["a -> b", "b -> c", "c -> a"]]);
    write("c.rs", "pub fn c() {}\n#[cfg(test)]\nmod tests { use crate::a::A; }");
    assert_eq!(circles(&modules_of(&directory.path().join("lib.rs"))), Vec::<Vec<String>>::new());
}
