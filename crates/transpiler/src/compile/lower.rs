//! Lowers TypeScript, JSX and `using` to JavaScript that Node.js 20 runs.

use std::{borrow::Cow, path::Path};

use oxc::{
    allocator::{Allocator, ArenaVec},
    ast::{
        ast::{
            Argument, Expression, ModuleDeclaration, Program, TSExportAssignment, TSExternalModuleDeclaration,
            TSExternalModuleReference, TSGlobalDeclaration, TSModuleBlock, TSNamespaceDeclaration,
        },
        builder::AstBuilder,
    },
    ast_visit::{Visit, VisitMut, walk, walk_mut},
    diagnostics::Diagnostics,
    semantic::Scoping,
    span::{GetSpan, SPAN},
    str::Str,
    transformer::{EnvOptions, HelperLoaderMode, HelperLoaderOptions, JsxOptions, TransformOptions, Transformer},
};

use crate::{DiagnosticKind, diagnostic::Reporter};

/// The module specifier of generated imports of compiler helpers. [`crate::script`] writes the helpers into the script
/// instead.
pub(crate) const HELPERS: &str = "workers:helpers";
/// The module specifier of generated imports of the JSX factory.
pub(crate) const JSX: &str = "workers:jsx";

/// Lowers the program in place. Every returned diagnostic is an error in the program.
pub(super) fn lower<'a>(
    allocator: &'a Allocator,
    name: &str,
    scoping: Scoping,
    program: &mut Program<'a>,
) -> Diagnostics {
    let options = TransformOptions {
        // `tsc` accepts names such as `<a:b>` since 5.1.
        jsx: JsxOptions { import_source: Some(JSX.to_owned()), throw_if_namespace: false, ..JsxOptions::enable() },
        // Node.js 20 is the oldest version that must load a script. The name is known, so the default is never used.
        env: EnvOptions::from_target("node20").unwrap_or_default(),
        helper_loader: HelperLoaderOptions { module_name: Cow::Borrowed(HELPERS), mode: HelperLoaderMode::Runtime },
        ..TransformOptions::default()
    };
    let diagnostics =
        Transformer::new(allocator, Path::new(name), &options).build_with_scoping(scoping, program).diagnostics;
    newer_expressions(allocator, program);
    diagnostics
}

/// Reports syntax that the lowering leaves unchanged although no Node.js supports it.
pub(super) fn check(program: &Program<'_>, reporter: &mut Reporter<'_>) {
    Unsupported { reporter }.visit_program(program);
}

/// Rewrites regular expressions that only newer versions of Node.js support as `new RegExp(…)`. As literals they would
/// prevent an older version from loading the script at all, so that not even the harness could report the error.
fn newer_expressions<'a>(allocator: &'a Allocator, program: &mut Program<'a>) {
    // To search the text is cheaper than to walk the tree, and few programs have such expressions.
    if is_newer(program.source_text) {
        NewerExpressions { ast: AstBuilder::new(allocator) }.visit_program(program);
    }
}

struct NewerExpressions<'a> {
    ast: AstBuilder<'a>,
}

impl<'a> VisitMut<'a> for NewerExpressions<'a> {
    fn visit_expression(&mut self, it: &mut Expression<'a>) {
        let Expression::RegExpLiteral(literal) = it else {
            return walk_mut::walk_expression(self, it);
        };
        let pattern = literal.regex.pattern.text;
        if !is_newer(&pattern) {
            return;
        }
        let ast = &self.ast;
        let flags = Str::from_str_in(&literal.regex.flags.to_string(), ast);
        let arguments =
            [pattern, flags].map(|text| Argument::from(Expression::new_string_literal(SPAN, text, None, ast)));
        let callee = Expression::new_identifier(SPAN, "RegExp", ast);
        let arguments = ArenaVec::from_array_in(arguments, ast);
        *it = Expression::new_new_expression(literal.span, callee, None, arguments, ast);
    }
}

/// Returns whether a pattern has modifiers, `(?i:…)`, or possibly two groups with the same name.
fn is_newer(pattern: &str) -> bool {
    let mut names = 0;
    pattern.split("(?").skip(1).any(|rest| {
        // `(?<=` and `(?<!` look behind and name no group.
        names += usize::from(rest.starts_with('<') && !rest.starts_with("<=") && !rest.starts_with("<!"));
        names > 1 || rest.starts_with(['i', 'm', 's', '-'])
    })
}

struct Unsupported<'r, 's> {
    reporter: &'r mut Reporter<'s>,
}

impl<'a> Visit<'a> for Unsupported<'_, '_> {
    fn visit_program(&mut self, it: &Program<'a>) {
        for statement in &it.body {
            // At the top level, and directly in a namespace, `import` and `export` are allowed.
            match statement.as_module_declaration() {
                Some(declaration) => walk::walk_module_declaration(self, declaration),
                None => self.visit_statement(statement),
            }
        }
    }

    fn visit_ts_module_block(&mut self, it: &TSModuleBlock<'a>) {
        for statement in &it.body {
            match statement.as_module_declaration() {
                Some(declaration @ ModuleDeclaration::ExportDeclaration(_)) => {
                    walk::walk_module_declaration(self, declaration);
                }
                Some(declaration) => {
                    let message = "In a namespace, `export` stands in front of a declaration only.";
                    self.reporter.add(DiagnosticKind::SyntaxError, declaration.span(), message, None);
                }
                None => self.visit_statement(statement),
            }
        }
    }

    // Code that is only declared is not part of the program.

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        if !it.declare {
            walk::walk_ts_namespace_declaration(self, it);
        }
    }

    fn visit_ts_external_module_declaration(&mut self, it: &TSExternalModuleDeclaration<'a>) {
        if !it.declare {
            walk::walk_ts_external_module_declaration(self, it);
        }
    }

    fn visit_ts_global_declaration(&mut self, _it: &TSGlobalDeclaration<'a>) {}

    fn visit_module_declaration(&mut self, it: &ModuleDeclaration<'a>) {
        if !self.reporter.reports_at(it.span()) {
            let message = "`import` and `export` may only stand at the top level of a module.";
            self.reporter.add(DiagnosticKind::SyntaxError, it.span(), message, None);
        }
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        let help = "Use `export default` or name the function: `export { main }`.".to_owned();
        self.reporter.add(
            DiagnosticKind::UnsupportedSyntax,
            it.span,
            "`export =` is not part of ES modules.",
            Some(help),
        );
    }

    fn visit_ts_external_module_reference(&mut self, it: &TSExternalModuleReference<'a>) {
        let help = format!("Write `import * as name from {:?}`.", it.expression.value.as_str());
        let message = "`import … = require(…)` is not part of ES modules.";
        self.reporter.add(DiagnosticKind::UnsupportedSyntax, it.span, message, Some(help));
    }
}
