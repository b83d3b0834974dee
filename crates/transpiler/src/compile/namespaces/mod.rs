//! Lowers namespaces, enums and `import a = N.b` to plain JavaScript, in the form that `tsc` emits.
//!
//! The blocks of one namespace share their exports: a later block can use what an earlier one exports, and an exported
//! variable exists only as a property of the namespace object. So every reference must be resolved with regard to all
//! blocks. [`collect`] lists the blocks and their exports, [`spaces`] resolves names, [`constants`] computes the
//! members of enums, [`aliases`] finds the aliases that a value needs, and [`lower`] rewrites the tree. [`references`]
//! rewrites single names, [`build`] builds the new nodes.

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

/// The namespaces, enums and aliases of a program.
pub(super) struct Namespaces<'s, 'a> {
    spaces: Spaces<'s, 'a>,
    constants: Constants,
    aliases: Aliases,
}

impl<'s, 'a> Namespaces<'s, 'a> {
    /// Collects them from the tree; `None` if there are none.
    pub(super) fn collect(program: &Program<'a>, scoping: &'s Scoping) -> Option<Self> {
        let collected = collect::collect(program, scoping)?;
        let constants = Constants::evaluate(program, &collected.spaces);
        let aliases = Aliases::find(&collected);
        Some(Self { spaces: collected.spaces, constants, aliases })
    }

    /// Returns the kind of value that an alias at the top level stands for; `None` if that is only a type.
    pub(super) fn of_alias(&self, alias: &TSImportEqualsDeclaration<'a>) -> Option<ValueKind> {
        let symbol = alias.id.symbol_id.get()?;
        match self.spaces.of_alias(symbol) {
            _ if !self.spaces.alias_is_value(symbol) => None,
            Thing::Type => None,
            Thing::Space(space) => Some(self.spaces.kind(space)),
            Thing::Value(value) => Some(value.kind),
        }
    }

    /// Rewrites the program in place. Its scoping must be built again afterwards.
    pub(super) fn lower(self, allocator: &'a Allocator, program: &mut Program<'a>) {
        lower::lower(allocator, program, &self.spaces, &self.constants, &self.aliases);
    }
}
