//! Measures how deeply a tree nests, and refuses trees that the later steps or V8 could not handle.

use oxc::{
    ast::ast::{
        AssignmentTarget, BinaryExpression, BindingPattern, CallExpression, ComputedMemberExpression,
        ConditionalExpression, Expression, JSXElement, JSXFragment, JSXMemberExpression, LogicalExpression,
        PrivateFieldExpression, Program, Statement, StaticMemberExpression, TSAsExpression, TSImportTypeQualifiedName,
        TSNamespaceDeclaration, TSNonNullExpression, TSQualifiedName, TSSatisfiesExpression, TSType,
        TaggedTemplateExpression,
    },
    ast_visit::{Visit, walk},
    span::{GetSpan, Span},
};

use crate::{DiagnosticKind, diagnostic::Reporter};

/// Maximum levels of actual nesting: brackets, functions, statements, types, elements. With its usual stack, V8 fails
/// on functions in functions, which need the most stack, at about three times as many.
const MAX_NESTING: u32 = 800;
/// Maximum levels in total, including the links of chains such as `a + b + c` or `a.b().c()`, which V8 handles without
/// recursion.
const MAX_DEPTH: u32 = 12_000;

/// Reports the first place that nests too deeply. If it reports anything, no other step may walk this tree.
pub(super) fn check(program: &Program<'_>, reporter: &mut Reporter<'_>) {
    let mut meter = DepthMeter { nesting: 0, depth: 0, link: false, too_deep: None };
    meter.visit_program(program);
    if let Some(span) = meter.too_deep {
        report(reporter, span.start);
    }
}

/// Reports that the code at `offset` nests too deeply.
pub(super) fn report(reporter: &mut Reporter<'_>, offset: u32) {
    let help = "Build large structures from smaller parts, or read them with JSON.parse.".to_owned();
    let message = "This is nested too deeply.";
    reporter.add(DiagnosticKind::TooDeep, Span::new(offset, offset + 1), message, Some(help));
}

/// Reports that at `offset` more `<` or `(` are open than the parser can handle in a reasonable time.
pub(super) fn report_speculation(reporter: &mut Reporter<'_>, offset: u32) {
    let help = "Write parentheses around comparisons, and build large expressions from smaller parts.".to_owned();
    let message = "There are too many nested `<` or `(`.";
    reporter.add(DiagnosticKind::TooDeep, Span::new(offset, offset + 1), message, Some(help));
}

struct DepthMeter {
    nesting: u32,
    depth: u32,
    /// Whether the next visited expression continues a chain.
    link: bool,
    too_deep: Option<Span>,
}

impl DepthMeter {
    /// Visits one level down, unless the tree is already known to be too deep.
    fn down(&mut self, span: Span, walk: impl FnOnce(&mut Self)) {
        if self.too_deep.is_some() {
            return;
        }
        // Taken and not only read: what is inside of this link nests again, unless it is a link itself.
        let nests = !std::mem::take(&mut self.link);
        if self.depth >= MAX_DEPTH || (nests && self.nesting >= MAX_NESTING) {
            self.too_deep = Some(span);
            return;
        }
        self.depth += 1;
        self.nesting += u32::from(nests);
        walk(self);
        self.depth -= 1;
        self.nesting -= u32::from(nests);
    }

    /// Visits an expression that continues a chain.
    fn chain(&mut self, expression: &Expression<'_>) {
        self.link = true;
        self.visit_expression(expression);
    }
}

impl<'a> Visit<'a> for DepthMeter {
    fn visit_expression(&mut self, it: &Expression<'a>) {
        self.down(it.span(), |meter| walk::walk_expression(meter, it));
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        self.down(it.span(), |meter| walk::walk_statement(meter, it));
    }

    fn visit_ts_type(&mut self, it: &TSType<'a>) {
        self.down(it.span(), |meter| walk::walk_ts_type(meter, it));
    }

    fn visit_ts_qualified_name(&mut self, it: &TSQualifiedName<'a>) {
        self.down(it.span, |meter| walk::walk_ts_qualified_name(meter, it));
    }

    fn visit_ts_import_type_qualified_name(&mut self, it: &TSImportTypeQualifiedName<'a>) {
        self.down(it.span, |meter| walk::walk_ts_import_type_qualified_name(meter, it));
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.down(it.span, |meter| walk::walk_ts_namespace_declaration(meter, it));
    }

    fn visit_binding_pattern(&mut self, it: &BindingPattern<'a>) {
        self.down(it.span(), |meter| walk::walk_binding_pattern(meter, it));
    }

    fn visit_assignment_target(&mut self, it: &AssignmentTarget<'a>) {
        self.down(it.span(), |meter| walk::walk_assignment_target(meter, it));
    }

    fn visit_jsx_element(&mut self, it: &JSXElement<'a>) {
        self.down(it.span, |meter| walk::walk_jsx_element(meter, it));
    }

    fn visit_jsx_fragment(&mut self, it: &JSXFragment<'a>) {
        self.down(it.span, |meter| walk::walk_jsx_fragment(meter, it));
    }

    fn visit_jsx_member_expression(&mut self, it: &JSXMemberExpression<'a>) {
        self.down(it.span, |meter| walk::walk_jsx_member_expression(meter, it));
    }

    // Chains: the parser and V8 build and print them in a loop, so they may be long.

    fn visit_binary_expression(&mut self, it: &BinaryExpression<'a>) {
        self.chain(&it.left);
        self.visit_expression(&it.right);
    }

    fn visit_logical_expression(&mut self, it: &LogicalExpression<'a>) {
        self.chain(&it.left);
        self.visit_expression(&it.right);
    }

    fn visit_conditional_expression(&mut self, it: &ConditionalExpression<'a>) {
        // Only the alternative continues a chain: in `a ? b ? 1 : 2 : 3` the parser recurses.
        self.visit_expression(&it.test);
        self.visit_expression(&it.consequent);
        self.chain(&it.alternate);
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        self.chain(&it.object);
    }

    fn visit_private_field_expression(&mut self, it: &PrivateFieldExpression<'a>) {
        self.chain(&it.object);
    }

    fn visit_computed_member_expression(&mut self, it: &ComputedMemberExpression<'a>) {
        self.chain(&it.object);
        self.visit_expression(&it.expression);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.chain(&it.callee);
        if let Some(arguments) = &it.type_arguments {
            self.visit_ts_type_parameter_instantiation(arguments);
        }
        self.visit_arguments(&it.arguments);
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        self.chain(&it.tag);
        if let Some(arguments) = &it.type_arguments {
            self.visit_ts_type_parameter_instantiation(arguments);
        }
        self.visit_template_literal(&it.quasi);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.chain(&it.expression);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.chain(&it.expression);
        self.visit_ts_type(&it.type_annotation);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.chain(&it.expression);
        self.visit_ts_type(&it.type_annotation);
    }
}
