//! Reads a crate's modules from its source: what each defines, imports and names. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, TraitItem, UseTree, Visibility};

/// The names on the way to a module or an item, without `crate`.
pub(crate) type Names = Vec<String>;

/// A module of a crate.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Names of items that it defines.
    pub(crate) items: BTreeSet<String>,
    /// Names that it imports, and the paths that they stand for, as written.
    pub(crate) imports: BTreeMap<String, Names>,
    /// Paths that it imports all names of, as written.
    pub(crate) globs: Vec<Names>,
    /// Paths that it names, as written. A path that it only re-exports is not among them.
    pub(crate) paths: BTreeSet<Names>,
}

/// Reads all modules of the crate whose root is this file.
pub(crate) fn modules_of(root: &Path) -> BTreeMap<Names, Module> {
    let mut modules = BTreeMap::new();
    read(root, &[], &mut modules);
    modules
}

fn read(file: &Path, name: &[String], modules: &mut BTreeMap<Names, Module>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_root = ["lib.rs", "main.rs", "mod.rs"].iter().any(|root| file.ends_with(root));
    let directory = if is_root { file.with_file_name("") } else { file.with_extension("") };
    let mut reader = Reader { module: Module::default(), children: Vec::new() };
    reader.visit_file(&parsed);
    let children = std::mem::take(&mut reader.children);
    modules.insert(name.to_vec(), reader.module);
    for child in children {
        let places = [directory.join(format!("{child}.rs")), directory.join(&child).join("mod.rs")];
        // A file that the build makes is not there.
        if let Some(place) = places.into_iter().find(|place: &PathBuf| place.exists()) {
            read(&place, &[name, &[child]].concat(), modules);
        }
    }
}

struct Reader {
    module: Module,
    children: Vec<String>,
}

impl Reader {
    /// Takes in an import: `prefix` is what stands before the tree.
    fn import(&mut self, prefix: &[String], tree: &UseTree, is_exported: bool) {
        let below = |name: String| [prefix, &[name]].concat();
        let (name, path) = match tree {
            UseTree::Path(path) => return self.import(&below(path.ident.to_string()), &path.tree, is_exported),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(prefix, tree, is_exported)),
            UseTree::Glob(_) => return self.module.globs.push(prefix.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                (prefix.last().cloned().unwrap_or_default(), prefix.to_vec())
            }
            UseTree::Name(name) => (name.ident.to_string(), below(name.ident.to_string())),
            UseTree::Rename(rename) => (rename.rename.to_string(), below(rename.ident.to_string())),
        };
        if !is_exported {
            self.module.paths.insert(path.clone());
        }
        self.module.imports.insert(name, path);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name): (&[Attribute], _) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Impl(item) => (&item.attrs, None),
            Item::Mod(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if is_for_tests(attributes) {
            return;
        }
        self.module.items.extend(name.map(ToString::to_string));
        if let Item::Use(item) = item {
            self.import(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        match &item.content {
            Some(_) => visit::visit_item_mod(self, item),
            None => self.children.push(item.ident.to_string()),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_left_out = matches!(item, ImplItem::Fn(item) if is_for_tests(&item.attrs));
        if !is_left_out {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        visit::visit_trait_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.module.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        // What stands in a macro's parentheses is not parsed. Paths are found in its text.
        let text = called.tokens.to_string().replace(" :: ", "::");
        let is_of_path = |letter: char| letter.is_alphanumeric() || ['_', ':'].contains(&letter);
        let paths = text.split(|letter| !is_of_path(letter)).filter(|word| word.contains("::"));
        let paths = paths.map(|path| path.split("::").map(ToOwned::to_owned).collect::<Names>());
        self.module.paths.extend(paths.filter(|path| path.iter().all(|name| !name.is_empty() && !name.contains(':'))));
        visit::visit_macro(self, called);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}
