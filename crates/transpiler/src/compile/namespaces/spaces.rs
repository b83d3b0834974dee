//! What a name means at a place, with every block of every namespace in view.

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

/// How many aliases of aliases are followed, if the later ones come first.
const MAX_ALIASES: u8 = 64;

/// A namespace or an enum, with all its blocks; its index in [`Spaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SpaceId(pub(super) usize);

/// What a namespace or an enum consists of.
#[derive(Default)]
pub(super) struct Space<'a> {
    /// What its blocks export, by name.
    pub(super) exports: HashMap<&'a str, Thing>,
    /// Its members, if it is an enum.
    pub(super) members: HashSet<&'a str>,
    /// Whether a namespace of it exists at run time.
    pub(super) instantiated: bool,
    /// A function or a class that it is merged with.
    pub(super) merged: Option<ValueKind>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thing {
    /// A namespace or an enum.
    Space(SpaceId),
    /// Another value.
    Value(Value),
    /// Nothing at run time.
    Type,
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) kind: ValueKind,
    /// Its declaration.
    pub(super) symbol: Option<SymbolId>,
}

impl Value {
    /// A value of which nothing is known.
    const UNKNOWN: Self = Self { kind: ValueKind::Unknown, symbol: None };
}

/// One block of a namespace, or of an enum.
pub(super) struct Block<'a> {
    pub(super) space: SpaceId,
    /// Whether it is a block of an enum.
    pub(super) is_enum: bool,
    /// The parameter that holds the object inside of it.
    pub(super) parameter: String,
    /// The names that it exports and that exist on the object alone.
    pub(super) unbound: HashSet<&'a str>,
}

/// `import a = N.b`.
pub(super) struct Alias<'a> {
    /// Where it stands.
    pub(super) scope: ScopeId,
    /// `["N", "b"]`.
    pub(super) path: Vec<&'a str>,
}

/// Where a name leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// To a binding of that name.
    Binding(SymbolId),
    /// To a property of the object of the block with this scope.
    Property(ScopeId),
    /// Out of the module.
    Nowhere,
}

/// All of them.
pub(super) struct Spaces<'s, 'a> {
    pub(super) scoping: &'s Scoping,
    pub(super) all: Vec<Space<'a>>,
    /// The blocks, by their scopes.
    pub(super) blocks: HashMap<ScopeId, Block<'a>>,
    /// The namespace or enum that a name is bound to.
    pub(super) of_symbol: HashMap<SymbolId, SpaceId>,
    pub(super) aliases: HashMap<SymbolId, Alias<'a>>,
    /// Those that stand behind `export`.
    pub(super) exported_aliases: HashSet<SymbolId>,
    /// What aliases stand for, as far as they have been followed. Each is followed once, for they may go round in
    /// circles.
    pub(super) followed: RefCell<HashMap<SymbolId, Thing>>,
}

impl<'a> Spaces<'_, 'a> {
    /// Follows a name, seen as a value, from `scope` outwards.
    pub(super) fn find(&self, scope: ScopeId, name: &str) -> Found {
        for scope in self.scoping.scope_ancestors(scope) {
            let block = self.blocks.get(&scope);
            if let Some(block) = block.filter(|block| block.is_enum) {
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

    /// Whether a name is bound to a value; a namespace of types is none.
    fn binds_value(&self, symbol: SymbolId) -> bool {
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

    /// Whether it exists at run time.
    fn exists(&self, space: SpaceId) -> bool {
        let space = self.space(space);
        space.instantiated || space.merged.is_some()
    }

    /// What a namespace or an enum is, as an export.
    pub(super) fn kind(&self, space: SpaceId) -> ValueKind {
        let space = self.space(space);
        let plain = if space.members.is_empty() { "a namespace" } else { "an enum" };
        space.merged.unwrap_or(ValueKind::Other(plain))
    }

    /// What an alias stands for.
    pub(super) fn of_alias(&self, symbol: SymbolId) -> Thing {
        self.of_symbol(symbol, 0)
    }

    /// What a dotted path means in `scope`.
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
            // A namespace of types only is not found as a value.
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
            // A static member of a class, for example.
            None if self.exists(space) => Thing::Value(Value::UNKNOWN),
            None => Thing::Type,
        }
    }

    fn of_symbol(&self, symbol: SymbolId, aliases: u8) -> Thing {
        let flags = self.scoping.symbol_flags(symbol);
        match self.of_symbol.get(&symbol) {
            // A namespace of types may share its name with a variable.
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
        self.followed.borrow_mut().insert(symbol, Thing::Value(Value::UNKNOWN));
        let thing = self.follow(alias.scope, &alias.path, aliases + 1);
        self.followed.borrow_mut().insert(symbol, thing);
        thing
    }

    /// Whether an alias stands for something that exists at run time, as far as is known.
    pub(super) fn alias_is_value(&self, symbol: SymbolId) -> bool {
        self.is_value(self.of_alias(symbol))
    }
}
