//! Namespaces, enums and `import a = N.b` to plain JavaScript, as `tsc` writes them.
//!
//! The blocks of one namespace share their exports: a later block sees what an earlier one exports, and an exported
//! variable lives on the namespace object alone. So every reference has to be resolved with all blocks in view.
//! [`collect`] lists the blocks and their exports, [`spaces`] answers what a name means at a place, [`constants`]
//! computes the members of enums, [`aliases`] finds the aliases that a value needs, and [`lower`] rewrites the tree.
//! [`references`] rewrites single names, [`build`] makes the new nodes.

mod aliases;
mod build;
mod collect;
mod constants;
mod instantiated;
mod lower;
mod references;
mod spaces;
mod targets;

use oxc::{
    allocator::Allocator,
    ast::ast::{Program, TSImportEqualsDeclaration},
    semantic::Scoping,
};

use super::value_kind::ValueKind;
use aliases::Aliases;
use constants::Constants;
use spaces::{Spaces, Thing};

/// What the namespaces, enums and aliases of a program are.
pub(super) struct Namespaces<'s, 'a> {
    spaces: Spaces<'s, 'a>,
    constants: Constants,
    aliases: Aliases,
}

impl<'s, 'a> Namespaces<'s, 'a> {
    /// Reads them off the tree; nothing if there are none.
    pub(super) fn collect(program: &Program<'a>, scoping: &'s Scoping) -> Option<Self> {
        let collected = collect::collect(program, scoping)?;
        let constants = Constants::evaluate(program, &collected.spaces);
        let aliases = Aliases::find(&collected);
        Some(Self { spaces: collected.spaces, constants, aliases })
    }

    /// What an alias at the top level stands for; nothing if that is only a type.
    pub(super) fn of_alias(&self, alias: &TSImportEqualsDeclaration<'a>) -> Option<ValueKind> {
        let symbol = alias.id.symbol_id.get()?;
        match self.spaces.of_alias(symbol) {
            _ if !self.spaces.alias_is_value(symbol) => None,
            Thing::Type => None,
            Thing::Space(space) => Some(self.spaces.kind(space)),
            Thing::Value(value) => Some(value.kind),
        }
    }

    /// Rewrites the program in place. Its scoping has to be made anew afterwards.
    pub(super) fn lower(self, allocator: &'a Allocator, program: &mut Program<'a>) {
        lower::lower(allocator, program, &self.spaces, &self.constants, &self.aliases);
    }
}
