//! Moves `using` out of the heads of `for (using x = …; …; …)`.
//!
//! The transformer lowers `using` in blocks and in `for … of`, but not in the head of an ordinary `for`. Node.js 20
//! does not support it there, and the V8 of Node.js 24 disposes of the resource after every iteration. The resources
//! are declared in a block around the loop instead, which has the same lifetime.

use oxc::{
    allocator::{Allocator, ArenaVec},
    ast::{
        ast::{ForStatementInit, Program, Statement},
        builder::AstBuilder,
    },
    ast_visit::{VisitMut, walk_mut},
    span::GetSpan,
};

/// Rewrites every such loop of `program` in place.
pub(super) fn rewrite<'a>(allocator: &'a Allocator, program: &mut Program<'a>) {
    if program.source_text.contains("using") {
        Heads { ast: AstBuilder::new(allocator) }.visit_program(program);
    }
}

struct Heads<'a> {
    ast: AstBuilder<'a>,
}

impl<'a> VisitMut<'a> for Heads<'a> {
    fn visit_statement(&mut self, it: &mut Statement<'a>) {
        if let Some(resources) = take_resources(it) {
            let span = it.span();
            let empty = Statement::new_empty_statement(span, &self.ast);
            let labelled_loop = std::mem::replace(it, empty);
            let body = ArenaVec::from_array_in([resources, labelled_loop], &self.ast);
            *it = Statement::new_block_statement(span, body, &self.ast);
        }
        walk_mut::walk_statement(self, it);
    }
}

/// Removes the declaration from the head of a loop. The loop keeps its labels, because `continue` needs them there.
fn take_resources<'a>(statement: &mut Statement<'a>) -> Option<Statement<'a>> {
    let mut inner = statement;
    while let Statement::LabeledStatement(labelled) = inner {
        inner = &mut labelled.body;
    }
    let Statement::ForStatement(it) = inner else {
        return None;
    };
    it.init
        .take_if(
            |init| matches!(init, ForStatementInit::VariableDeclaration(declaration) if declaration.kind.is_using()),
        )
        .and_then(|init| match init {
            ForStatementInit::VariableDeclaration(declaration) => Some(Statement::VariableDeclaration(declaration)),
            _ => None,
        })
}
