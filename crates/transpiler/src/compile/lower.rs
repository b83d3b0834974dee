//! TypeScript, JSX, decorators and `using` to JavaScript that Node.js 20 runs.

use std::{borrow::Cow, path::Path};

use oxc::{
    allocator::Allocator,
    ast::ast::{AccessorProperty, Program},
    ast_visit::{Visit, walk},
    diagnostics::Diagnostics,
    semantic::Scoping,
    transformer::{
        DecoratorOptions, EnvOptions, HelperLoaderMode, HelperLoaderOptions, JsxOptions, TransformOptions, Transformer,
    },
};

use crate::{DiagnosticKind, diagnostic::Reporter};

/// The module that generated imports of compiler helpers name; [`crate::script`] writes them into the script instead.
pub(crate) const HELPERS: &str = "workers:helpers";
/// The module that generated imports of the JSX factory name.
pub(crate) const JSX: &str = "workers:jsx";

/// Lowers the program in place. Everything in the answer is a mistake.
pub(super) fn lower<'a>(
    allocator: &'a Allocator,
    name: &str,
    scoping: Scoping,
    program: &mut Program<'a>,
) -> Diagnostics {
    let options = TransformOptions {
        decorator: DecoratorOptions { legacy: true, ..DecoratorOptions::default() },
        jsx: JsxOptions { import_source: Some(JSX.to_owned()), throw_if_namespace: false, ..JsxOptions::enable() },
        env: EnvOptions::from_target("node20").unwrap_or_default(),
        helper_loader: HelperLoaderOptions { module_name: Cow::Borrowed(HELPERS), mode: HelperLoaderMode::Runtime },
        ..TransformOptions::default()
    };
    Transformer::new(allocator, Path::new(name), &options).build_with_scoping(scoping, program).diagnostics
}

/// Reports syntax that the lowering would pass on although no Node.js runs it.
pub(super) fn check(program: &Program<'_>, reporter: &mut Reporter<'_>) {
    Unsupported { reporter }.visit_program(program);
}

struct Unsupported<'r, 's> {
    reporter: &'r mut Reporter<'s>,
}

impl<'a> Visit<'a> for Unsupported<'_, '_> {
    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        let help = "Write a getter and a setter over a private field.".to_owned();
        self.reporter.add(
            DiagnosticKind::UnsupportedSyntax,
            it.span,
            "`accessor` fields are not supported.",
            Some(help),
        );
        walk::walk_accessor_property(self, it);
    }
}
