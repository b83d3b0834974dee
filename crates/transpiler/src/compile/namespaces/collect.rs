//! Lists the namespaces, enums and aliases of a program.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
};

use oxc::{
    ast::ast::{
        BindingIdentifier, Class, Declaration, Function, Program, Statement, TSEnumDeclaration, TSEnumMemberName,
        TSImportEqualsDeclaration, TSModuleReference, TSNamespaceDeclaration, TSNamespaceDeclarationBody, TSTypeName,
        VariableDeclaration,
    },
    ast_visit::{VisitJs, walk_js},
    semantic::{Scoping, SymbolId},
    syntax::{
        reference::ReferenceId,
        scope::{ScopeFlags, ScopeId},
    },
};

use super::{
    instantiated::is_instantiated,
    spaces::{Alias, Block, Space, SpaceId, Spaces, Thing, Value},
};
use crate::compile::value_kind::{ValueKind, of_expression};

/// The namespaces, enums and aliases of a program.
pub(super) struct Collected<'s, 'a> {
    pub(super) spaces: Spaces<'s, 'a>,
    /// The references with which the paths of aliases begin.
    pub(super) roots: HashMap<SymbolId, ReferenceId>,
}

/// Collects them from a program; `None` if there is nothing to lower.
pub(super) fn collect<'s, 'a>(program: &Program<'a>, scoping: &'s Scoping) -> Option<Collected<'s, 'a>> {
    let spaces = Spaces {
        scoping,
        all: Vec::new(),
        blocks: HashMap::new(),
        of_symbol: HashMap::new(),
        aliases: HashMap::new(),
        exported_aliases: HashSet::new(),
        followed: RefCell::default(),
    };
    let mut collector = Collector {
        found: Collected { spaces, roots: HashMap::new() },
        names: None,
        scopes: Vec::new(),
        home: None,
        exported: HashMap::new(),
    };
    collector.visit_program(program);
    let found = collector.found;
    // Follow the aliases in source order, so that recursion stays shallow and the output of a program is always the
    // same.
    let mut aliases: Vec<SymbolId> = found.spaces.aliases.keys().copied().collect();
    aliases.sort_unstable();
    for alias in aliases {
        found.spaces.of_alias(alias);
    }
    (!found.spaces.blocks.is_empty() || !found.spaces.aliases.is_empty()).then_some(found)
}

/// The block of a namespace that is being visited.
#[derive(Clone, Copy)]
struct Home {
    space: SpaceId,
    scope: ScopeId,
    /// Whether the block is only declared; then everything in it is exported.
    ambient: bool,
}

struct Collector<'s, 'a> {
    found: Collected<'s, 'a>,
    /// The number of bindings of each name; counted on first use.
    names: Option<HashMap<String, usize>>,
    scopes: Vec<ScopeId>,
    home: Option<Home>,
    /// The namespaces and enums that a namespace exports, by its id and their name.
    exported: HashMap<(SpaceId, &'a str), SpaceId>,
}

impl<'a> VisitJs<'a> for Collector<'_, 'a> {
    fn enter_scope(&mut self, _flags: ScopeFlags, scope_id: &Cell<Option<ScopeId>>) {
        self.scopes.extend(scope_id.get());
    }

    fn leave_scope(&mut self) {
        self.scopes.pop();
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        // Only the statement itself belongs to the block, and not the statements inside of it.
        let home = self.home.take();
        match (it, home) {
            (Statement::ExportDeclaration(export), _) => {
                if let Declaration::TSImportEqualsDeclaration(alias) = &export.declaration {
                    self.found.spaces.exported_aliases.extend(alias.id.symbol_id.get());
                }
                self.declare(&export.declaration, home);
            }
            (statement, home) => match statement.as_declaration() {
                Some(declaration) => self.declare(declaration, home.filter(|home| home.ambient)),
                None => walk_js::walk_statement(self, statement),
            },
        }
        self.home = home;
    }

    fn visit_declaration(&mut self, it: &Declaration<'a>) {
        self.declare(it, None);
    }
}

impl<'a> Collector<'_, 'a> {
    /// Visits a declaration that the block `home` exports.
    fn declare(&mut self, declaration: &Declaration<'a>, home: Option<Home>) {
        match declaration {
            Declaration::TSNamespaceDeclaration(namespace) => self.namespace(namespace, home, false),
            Declaration::TSEnumDeclaration(declared) => self.enumeration(declared, home),
            Declaration::TSImportEqualsDeclaration(alias) => self.alias(alias, home),
            // These only declare, so nothing in them is emitted.
            Declaration::TSGlobalDeclaration(_) | Declaration::TSExternalModuleDeclaration(_) => {}
            Declaration::TSTypeAliasDeclaration(alias) => self.export_type(&alias.id, home),
            Declaration::TSInterfaceDeclaration(interface) => self.export_type(&interface.id, home),
            Declaration::VariableDeclaration(variables) => {
                self.variables(variables, home);
                walk_js::walk_declaration(self, declaration);
            }
            Declaration::FunctionDeclaration(function) => {
                self.function(function, home);
                walk_js::walk_declaration(self, declaration);
            }
            Declaration::ClassDeclaration(class) => {
                self.class(class, home);
                walk_js::walk_declaration(self, declaration);
            }
        }
    }

    fn namespace(&mut self, namespace: &TSNamespaceDeclaration<'a>, home: Option<Home>, ambient: bool) {
        let (Some(scope), Some(symbol)) = (namespace.scope_id.get(), namespace.id.symbol_id.get()) else {
            return;
        };
        let ambient = ambient || namespace.declare;
        let space = self.space_of(&namespace.id, symbol, home);
        self.found.spaces.all[space.0].instantiated |= is_instantiated(namespace);
        self.block(space, scope, false, &namespace.id);
        self.scopes.push(scope);
        let inner = Home { space, scope, ambient };
        match &namespace.body {
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(nested) => self.namespace(nested, Some(inner), ambient),
            TSNamespaceDeclarationBody::TSModuleBlock(block) => {
                for statement in &block.body {
                    self.home = Some(inner);
                    self.visit_statement(statement);
                }
                self.home = None;
            }
        }
        self.scopes.pop();
    }

    fn enumeration(&mut self, declared: &TSEnumDeclaration<'a>, home: Option<Home>) {
        let (Some(scope), Some(symbol)) = (declared.body.scope_id.get(), declared.id.symbol_id.get()) else {
            return;
        };
        let space = self.space_of(&declared.id, symbol, home);
        self.block(space, scope, true, &declared.id);
        let members = declared.body.members.iter().filter_map(|member| name_of_member(&member.id));
        let found = &mut self.found.spaces.all[space.0];
        found.instantiated = true;
        found.members.extend(members);
        walk_js::walk_ts_enum_declaration(self, declared);
    }

    fn alias(&mut self, alias: &TSImportEqualsDeclaration<'a>, home: Option<Home>) {
        let (Some(symbol), Some(&scope)) = (alias.id.symbol_id.get(), self.scopes.last()) else {
            return;
        };
        let mut path = Vec::new();
        let root = match &alias.module_reference {
            TSModuleReference::ExternalModuleReference(_) => return,
            TSModuleReference::IdentifierReference(identifier) => Some(identifier.as_ref()),
            TSModuleReference::QualifiedName(name) => {
                path.push(name.right.name.as_str());
                let mut left = &name.left;
                loop {
                    match left {
                        TSTypeName::QualifiedName(name) => {
                            path.push(name.right.name.as_str());
                            left = &name.left;
                        }
                        TSTypeName::IdentifierReference(identifier) => break Some(identifier.as_ref()),
                        TSTypeName::ThisExpression(_) => break None,
                    }
                }
            }
        };
        let Some(root) = root else {
            return;
        };
        path.push(root.name.as_str());
        path.reverse();
        self.found.roots.extend(root.reference_id.get().map(|reference| (symbol, reference)));
        self.found.spaces.aliases.insert(symbol, Alias { scope, path });
        if let Some(home) = home {
            let value = Value { kind: ValueKind::Unknown, symbol: Some(symbol) };
            self.export_unbound(alias.id.name.as_str(), Thing::Value(value), home);
        }
    }

    fn variables(&mut self, variables: &VariableDeclaration<'a>, home: Option<Home>) {
        let Some(home) = home else {
            return;
        };
        for declarator in &variables.declarations {
            // Any other variable may get a function later.
            let is_name = declarator.id.is_binding_identifier() && variables.kind.is_const();
            let kind = match &declarator.init {
                Some(value) if is_name => of_expression(value, &|_| ValueKind::Unknown),
                _ => ValueKind::Unknown,
            };
            for identifier in declarator.id.get_binding_identifiers() {
                let value = Value { kind, symbol: identifier.symbol_id.get() };
                self.export_unbound(identifier.name.as_str(), Thing::Value(value), home);
            }
        }
    }

    fn function(&mut self, function: &Function<'a>, home: Option<Home>) {
        let Some(id) = &function.id else {
            return;
        };
        let kind = if function.generator { ValueKind::Generator } else { ValueKind::Function };
        self.export_bound(id, kind, home);
    }

    fn class(&mut self, class: &Class<'a>, home: Option<Home>) {
        if let Some(id) = &class.id {
            self.export_bound(id, ValueKind::Other("a class"), home);
        }
    }

    /// Adds a function or a class, which may be merged with a namespace.
    fn export_bound(&mut self, id: &BindingIdentifier<'a>, kind: ValueKind, home: Option<Home>) {
        let Some(symbol) = id.symbol_id.get() else {
            return;
        };
        let merges = home.is_some() || self.found.spaces.scoping.symbol_redeclarations(symbol).len() > 1;
        if merges {
            let space = self.space_of(id, symbol, home);
            self.found.spaces.all[space.0].merged.get_or_insert(kind);
        }
    }

    fn export_type(&mut self, id: &BindingIdentifier<'a>, home: Option<Home>) {
        if let Some(home) = home {
            // A value may have the same name, and only the value matters at run time.
            self.found.spaces.all[home.space.0].exports.entry(id.name.as_str()).or_insert(Thing::Type);
        }
    }

    /// Adds an export that exists only as a property of the namespace object.
    fn export_unbound(&mut self, name: &'a str, thing: Thing, home: Home) {
        self.found.spaces.all[home.space.0].exports.insert(name, thing);
        if let Some(block) = self.found.spaces.blocks.get_mut(&home.scope) {
            block.unbound.insert(name);
        }
    }

    /// Returns the namespace or enum that a declaration belongs to. All declarations of the same name in the exports of
    /// a namespace belong to the same one.
    fn space_of(&mut self, id: &BindingIdentifier<'a>, symbol: SymbolId, home: Option<Home>) -> SpaceId {
        let all = &mut self.found.spaces.all;
        let mut add = || {
            all.push(Space::default());
            SpaceId(all.len() - 1)
        };
        let space = match home {
            Some(home) => *self.exported.entry((home.space, id.name.as_str())).or_insert_with(add),
            None => self.found.spaces.of_symbol.get(&symbol).copied().unwrap_or_else(&mut add),
        };
        self.found.spaces.of_symbol.insert(symbol, space);
        if let Some(home) = home {
            let exports = &mut self.found.spaces.all[home.space.0].exports;
            // A namespace of types may share its name with a variable, which counts.
            if !matches!(exports.get(id.name.as_str()), Some(Thing::Value(_))) {
                exports.insert(id.name.as_str(), Thing::Space(space));
            }
        }
        space
    }

    fn block(&mut self, space: SpaceId, scope: ScopeId, is_enum: bool, id: &BindingIdentifier<'a>) {
        let parameter = self.parameter(id);
        self.found.spaces.blocks.insert(scope, Block { space, is_enum, parameter, unbound: HashSet::new() });
    }

    /// Returns the name for the parameter of a block: the declared name, unless something else has that name too.
    fn parameter(&mut self, id: &BindingIdentifier<'a>) -> String {
        let scoping = self.found.spaces.scoping;
        let names = self.names.get_or_insert_with(|| {
            let mut names: HashMap<String, usize> = HashMap::new();
            scoping.symbol_names().for_each(|name| *names.entry(name.to_owned()).or_default() += 1);
            let unresolved = scoping.root_unresolved_references();
            unresolved.keys().for_each(|name| *names.entry(name.to_string()).or_default() += 1);
            names
        });
        let name = id.name.as_str();
        if names.get(name) == Some(&1) {
            return name.to_owned();
        }
        // Continue after the last number used, so that many blocks with the same name stay fast.
        let mut number = names.get(&counter(name)).copied().unwrap_or_default();
        loop {
            number += 1;
            let candidate = format!("{name}_{number}");
            if !names.contains_key(&candidate) {
                names.insert(candidate.clone(), 1);
                names.insert(counter(name), number);
                return candidate;
            }
        }
    }
}

/// Returns a key for the counter that cannot be a name.
fn counter(name: &str) -> String {
    format!("{name} _")
}

/// Returns the name of a member of an enum; `None` for a template that is not a plain text.
pub(super) fn name_of_member<'a>(name: &TSEnumMemberName<'a>) -> Option<&'a str> {
    match name {
        TSEnumMemberName::Identifier(name) => Some(name.name.as_str()),
        TSEnumMemberName::String(text) | TSEnumMemberName::ComputedString(text) => Some(text.value.as_str()),
        TSEnumMemberName::ComputedTemplateString(template) => match template.quasis.as_slice() {
            [only] => only.value.cooked.map(|text| text.as_str()),
            _ => None,
        },
    }
}
