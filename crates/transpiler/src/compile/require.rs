//! Whether a module is to have a `require`.
//!
//! ES modules have none, and what asks for one by `require("x")` fails as in Node.js. Bundlers, however, put modules of the older kind
//! into ES modules, and have them ask for the modules of Node.js like this, as esbuild does:
//!
//! ```js
//! var __require = (…)(function (x) { if (typeof require !== "undefined") return require.apply(this, arguments); throw Error(…) });
//! ```
//!
//! So code that looks whether there is a `require`, and uses it if there is, is given one. Code that only looks is not, because it
//! wants to know what kind of module it is; nor is code that takes it for granted.

use oxc::{
    ast::ast::{Expression, IdentifierReference, Program, UnaryExpression, UnaryOperator},
    ast_visit::{Visit, walk},
    semantic::Scoping,
};

/// Whether the program tests for a `require` that it does not declare, and uses it.
pub(super) fn is_needed(program: &Program<'_>, scoping: &Scoping) -> bool {
    if !scoping.root_unresolved_references().contains_key("require") {
        return false;
    }
    let mut uses = Uses { scoping, tested: false, used: false };
    uses.visit_program(program);
    uses.tested && uses.used
}

struct Uses<'s> {
    scoping: &'s Scoping,
    tested: bool,
    used: bool,
}

impl Uses<'_> {
    fn is_free(&self, reference: &IdentifierReference<'_>) -> bool {
        reference.name == "require" && self.scoping.get_reference(reference.reference_id()).symbol_id().is_none()
    }
}

impl<'a> Visit<'a> for Uses<'_> {
    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        match &it.argument {
            Expression::Identifier(name) if it.operator == UnaryOperator::Typeof && self.is_free(name) => {
                self.tested = true;
            }
            _ => walk::walk_unary_expression(self, it),
        }
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.used |= self.is_free(it);
    }
}
