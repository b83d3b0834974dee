//! Resolves names with regard to all blocks of all namespaces.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use oxc::{
    semantic::{Scoping, SymbolFlags, SymbolId},
    str::Ident,
    syntax::scope::ScopeId,
};

use crate::compile::value_kind::ValueKind;

/// How many aliases of aliases are followed, where the later ones come first in the source.
const MAX_ALIASES: u8 = 64;

/// The index in [`Spaces`] of a namespace or an enum with all its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SpaceId(pub(super) usize);

/// The contents of a namespace or an enum.
#[derive(Default)]
pub(super) struct Space<'a> {
    /// The exports of its blocks, by name.
    pub(super) exports: HashMap<&'a str, Thing>,
    /// The names of its members, if it is an enum.
    pub(super) members: HashSet<&'a str>,
    /// Whether a namespace of this name exists at run time.
    pub(super) instantiated: bool,
    /// The function or class that it is merged with.
    pub(super) merged: Option<ValueKind>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thing {
    /// A namespace or an enum.
    Space(SpaceId),
    /// A value other than a namespace or an enum.
    Value(Value),
    /// Something that does not exist at run time.
    Type,
}

/// A value other than a namespace or an enum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) kind: ValueKind,
    /// The symbol of its declaration.
    pub(super) symbol: Option<SymbolId>,
}

impl Value {
    /// A value about which nothing is known.
    const UNKNOWN: Self = Self { kind: ValueKind::Unknown, symbol: None };
}

/// One block of a namespace or an enum.
pub(super) struct Block<'a> {
    pub(super) space: SpaceId,
    /// Whether it is a block of an enum.
    pub(super) is_enum: bool,
    /// The parameter that holds the object inside of the block.
    pub(super) parameter: String,
    /// The names that it exports and that exist only as properties of the object.
    pub(super) unbound: HashSet<&'a str>,
}

/// An alias, `import a = N.b`.
pub(super) struct Alias<'a> {
    /// The scope of its declaration.
    pub(super) scope: ScopeId,
    /// The path, for example `["N", "b"]`.
    pub(super) path: Vec<&'a str>,
}

/// The result of resolving a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// A binding of that name.
    Binding(SymbolId),
    /// A property of the object of the block with this scope.
    Property(ScopeId),
    /// No declaration in the module.
    Nowhere,
}

/// All namespaces, enums and aliases of a program.
pub(super) struct Spaces<'s, 'a> {
    pub(super) scoping: &'s Scoping,
    pub(super) all: Vec<Space<'a>>,
    /// The blocks, by their scopes.
    pub(super) blocks: HashMap<ScopeId, Block<'a>>,
    /// The namespace or enum that a symbol is bound to.
    pub(super) of_symbol: HashMap<SymbolId, SpaceId>,
    pub(super) aliases: HashMap<SymbolId, Alias<'a>>,
    /// The aliases that are exported.
    pub(super) exported_aliases: HashSet<SymbolId>,
    /// The results of following aliases. Each alias is followed once, because aliases may form a circle.
    pub(super) followed: RefCell<HashMap<SymbolId, Thing>>,
}

impl<'a> Spaces<'_, 'a> {
    /// Resolves a name, used as a value, from `scope` outwards.
    pub(super) fn find(&self, scope: ScopeId, name: &str) -> Found {
        for scope in self.scoping.scope_ancestors(scope) {
            let block = self.blocks.get(&scope);
            if let Some(block) = block.filter(|block| block.is_enum) {
                // The scope binds the members of this block only; the space has those of all blocks.
                if self.space(block.space).members.contains(name) {
                    return Found::Property(scope);
                }
                continue;
            }
            let bound = self.scoping.get_binding(scope, Ident::from(name));
            let bound = bound.filter(|&symbol| self.binds_value(symbol));
            match (block, bound) {
                (Some(block), Some(_)) if block.unbound.contains(name) => return Found::Property(scope),
                (_, Some(symbol)) => return Found::Binding(symbol),
                (Some(block), None) => {
                    let exported = self.space(block.space).exports.get(name);
                    if exported.is_some_and(|&thing| self.is_value(thing)) {
                        return Found::Property(scope);
                    }
                }
                (None, None) => {}
            }
        }
        Found::Nowhere
    }

    /// Returns whether a name is bound to a value. A namespace of types does not count.
    fn binds_value(&self, symbol: SymbolId) -> bool {
        // All blocks of a namespace together decide whether it is a value, and `exists` knows them.
        let flags = self.scoping.symbol_flags(symbol) - SymbolFlags::ValueModule;
        flags.is_value() || self.of_symbol.get(&symbol).is_some_and(|&space| self.exists(space))
    }

    fn is_value(&self, thing: Thing) -> bool {
        match thing {
            Thing::Space(space) => self.exists(space),
            Thing::Value(_) => true,
            Thing::Type => false,
        }
    }

    pub(super) fn space(&self, space: SpaceId) -> &Space<'a> {
        &self.all[space.0]
    }

    /// Returns whether a namespace or an enum exists at run time.
    fn exists(&self, space: SpaceId) -> bool {
        let space = self.space(space);
        space.instantiated || space.merged.is_some()
    }

    /// Returns the kind of value that a namespace or an enum is, as an export.
    pub(super) fn kind(&self, space: SpaceId) -> ValueKind {
        let space = self.space(space);
        let plain = if space.members.is_empty() { "a namespace" } else { "an enum" };
        space.merged.unwrap_or(ValueKind::Other(plain))
    }

    /// Returns what an alias stands for.
    pub(super) fn of_alias(&self, symbol: SymbolId) -> Thing {
        self.of_symbol(symbol, 0)
    }

    /// Returns what a dotted path means in `scope`.
    pub(super) fn of_path(&self, scope: ScopeId, path: &[&str]) -> Thing {
        self.follow(scope, path, 0)
    }

    fn follow(&self, scope: ScopeId, path: &[&str], aliases: u8) -> Thing {
        let Some((first, rest)) = path.split_first() else {
            return Thing::Value(Value::UNKNOWN);
        };
        let first = match self.find(scope, first) {
            Found::Binding(symbol) => self.of_symbol(symbol, aliases),
            Found::Property(scope) => self.of_property(self.blocks[&scope].space, first, aliases),
            // `find` does not find a namespace of types, because that is not a value.
            Found::Nowhere => match self.scoping.find_binding(scope, Ident::from(*first)) {
                Some(symbol) => self.of_symbol(symbol, aliases),
                None => Thing::Value(Value::UNKNOWN),
            },
        };
        rest.iter().fold(first, |thing, name| match thing {
            Thing::Space(space) => self.of_property(space, name, aliases),
            Thing::Value(_) => Thing::Value(Value::UNKNOWN),
            Thing::Type => Thing::Type,
        })
    }

    fn of_property(&self, space: SpaceId, name: &str, aliases: u8) -> Thing {
        let found = self.space(space);
        match found.exports.get(name) {
            Some(Thing::Value(Value { symbol: Some(symbol), .. })) if self.aliases.contains_key(symbol) => {
                self.of_symbol(*symbol, aliases)
            }
            Some(&thing) => thing,
            None if found.members.contains(name) => {
                Thing::Value(Value { kind: ValueKind::Other("a plain value"), symbol: None })
            }
            // For example a static member of a class.
            None if self.exists(space) => Thing::Value(Value::UNKNOWN),
            None => Thing::Type,
        }
    }

    fn of_symbol(&self, symbol: SymbolId, aliases: u8) -> Thing {
        let flags = self.scoping.symbol_flags(symbol);
        match self.of_symbol.get(&symbol) {
            // A namespace of types may have the same name as a variable.
            Some(&space) if self.exists(space) || !flags.intersects(SymbolFlags::Variable) => {
                return Thing::Space(space);
            }
            _ => {}
        }
        if let Some(alias) = self.aliases.get(&symbol) {
            return self.follow_alias(symbol, alias, aliases);
        }
        if !flags.is_value() {
            return Thing::Type;
        }
        let kind = match () {
            () if flags.contains(SymbolFlags::Function) => ValueKind::Function,
            () if flags.contains(SymbolFlags::Class) => ValueKind::Other("a class"),
            () => ValueKind::Unknown,
        };
        Thing::Value(Value { kind, symbol: Some(symbol) })
    }

    fn follow_alias(&self, symbol: SymbolId, alias: &Alias<'a>, aliases: u8) -> Thing {
        if let Some(&thing) = self.followed.borrow().get(&symbol) {
            return thing;
        }
        if aliases >= MAX_ALIASES {
            return Thing::Value(Value::UNKNOWN);
        }
        // A circle of aliases ends at this entry.
        self.followed.borrow_mut().insert(symbol, Thing::Value(Value::UNKNOWN));
        let thing = self.follow(alias.scope, &alias.path, aliases + 1);
        self.followed.borrow_mut().insert(symbol, thing);
        thing
    }

    /// Returns whether an alias stands for something that exists at run time, as far as is known.
    pub(super) fn alias_is_value(&self, symbol: SymbolId) -> bool {
        self.is_value(self.of_alias(symbol))
    }
}
