//! Decides whether a module gets a `require`.
//!
//! ES modules have none, and `require("x")` fails like in Node.js. Bundlers, however, put `CommonJS` modules into ES
//! modules, and let them load the modules of Node.js in the following way, which is esbuild's:
//!
//! ```js
//! var __require = ((x) => typeof require !== "undefined" ? require : …)(function (x) {
//!   if (typeof require !== "undefined") return require.apply(this, arguments);
//!   throw Error('Dynamic require of "' + x + '" is not supported');
//! });
//! ```
//!
//! So code that tests whether there is a `require` and passes it on gets one. All other code is treated like in
//! Node.js: code that is written for both kinds of modules tests for `require` and then calls it (and then also expects
//! `module` and `__dirname`), or reads `require.main`.

use oxc::{
    ast::ast::{
        CallExpression, Expression, IdentifierReference, Program, StaticMemberExpression, UnaryExpression,
        UnaryOperator,
    },
    ast_visit::{Visit, walk},
    semantic::Scoping,
};

/// Returns whether the program tests for a `require` that it does not declare, and passes it on.
pub(super) fn is_needed(program: &Program<'_>, scoping: &Scoping) -> bool {
    if !scoping.root_unresolved_references().contains_key("require") {
        return false;
    }
    let mut uses = Uses { scoping, is_tested: false, is_handed_on: false };
    uses.visit_program(program);
    uses.is_tested && uses.is_handed_on
}

struct Uses<'s> {
    scoping: &'s Scoping,
    is_tested: bool,
    is_handed_on: bool,
}

impl Uses<'_> {
    fn is_free(&self, reference: &IdentifierReference<'_>) -> bool {
        reference.name == "require" && self.scoping.get_reference(reference.reference_id()).symbol_id().is_none()
    }

    fn is_require(&self, expression: &Expression<'_>) -> bool {
        matches!(expression, Expression::Identifier(name) if self.is_free(name))
    }
}

impl<'a> Visit<'a> for Uses<'_> {
    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        if it.operator == UnaryOperator::Typeof && self.is_require(&it.argument) {
            self.is_tested = true;
        } else {
            walk::walk_unary_expression(self, it);
        }
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if self.is_require(&it.callee) {
            // A call alone passes nothing on: `require("x")` has to fail like in Node.js.
            self.visit_arguments(&it.arguments);
        } else {
            walk::walk_call_expression(self, it);
        }
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        if it.property.name != "main" || !self.is_require(&it.object) {
            walk::walk_static_member_expression(self, it);
        }
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.is_handed_on |= self.is_free(it);
    }
}
