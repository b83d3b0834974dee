//! One compilation, step by step.

use std::path::PathBuf;

use oxc::{
    allocator::Allocator,
    codegen::{Codegen, CodegenOptions, CodegenReturn, CommentOptions},
    semantic::SemanticBuilder,
};

use super::{
    decorators, depth, exports, imports, lower, names, namespaces::Namespaces, parse, require, rewrite, servers,
    super_calls, using_in_for, verify,
};
use crate::{
    DiagnosticKind, SourceFile, TranspileError, TranspileOptions, WorkerScript,
    diagnostic::Reporter,
    script::{self, Body, Positions},
};

/// Compiles a bundle whose byte order mark has been removed.
pub(super) fn compile(source: &SourceFile<'_>, options: &TranspileOptions) -> Result<WorkerScript, TranspileError> {
    let allocator = Allocator::default();
    let mut reporter = Reporter::new(source.code);

    let mut program = match parse::parse(&allocator, source) {
        Ok(program) => program,
        Err(diagnostics) => {
            reporter.add_all(DiagnosticKind::SyntaxError, diagnostics);
            return Err(reporter.finish());
        }
    };
    depth::check(&program, &mut reporter);
    if !reporter.is_empty() {
        return Err(reporter.finish());
    }

    // Before the analysis: both steps move nodes, so scopes and references would no longer fit the tree.
    using_in_for::rewrite(&allocator, &mut program);
    super_calls::place(&allocator, &mut program);
    let decorators = decorators::Plan::of(&program, options);
    decorators.check(&mut reporter);
    let analyse = |program: &_| {
        // The transformer adds scopes and symbols to the result; the excess capacity saves copying its tables.
        let builder = SemanticBuilder::new_compiler().with_enum_eval(true).with_excess_capacity(1.0);
        let analysed = builder.build(program);
        (analysed.semantic.into_scoping(), analysed.diagnostics)
    };
    let (mut scoping, mistakes) = analyse(&program);
    let is_mistake = |mistake: &_| super::is_error(mistake) && !decorators.excuses(mistake);
    reporter.add_all(DiagnosticKind::SyntaxError, mistakes.into_iter().filter(is_mistake).collect());
    imports::check_names(&scoping, &mut reporter);
    let namespaces = Namespaces::collect(&program, &scoping);
    // Before the lowering, which removes the types, overloads and namespaces that decide what an export is.
    let exports = exports::find(&program, &scoping, namespaces.as_ref(), &mut reporter);
    let name = names::reserve(source.code, &scoping);
    let is_commonjs =
        ["module", "exports"].into_iter().any(|name| scoping.root_unresolved_references().contains_key(name));
    servers::check(&program, &scoping, &mut reporter);
    let needs_require = require::is_needed(&program, &scoping);
    lower::check(&program, &mut reporter);
    if !reporter.is_empty() {
        return Err(reporter.finish());
    }

    if let Some(namespaces) = namespaces {
        namespaces.lower(&allocator, &mut program);
        // The errors of the source are reported above; `verify` finds those that the lowered form has.
        scoping = analyse(&program).0;
    }
    if decorators.is_needed() {
        decorators.lower(&allocator, &mut program, &scoping, &name);
        scoping = analyse(&program).0;
    }
    reporter.add_all(DiagnosticKind::UnsupportedSyntax, lower::lower(&allocator, source.name, scoping, &mut program));
    let mut interface = rewrite::rewrite(&allocator, &mut program, &name);
    interface.is_commonjs = is_commonjs;
    let names = if options.newer_node { imports::Names::Any } else { imports::Names::Listed };
    imports::check(&interface.imports, names, &mut reporter);
    let functions = exports::select(&exports, &interface, &mut reporter);
    if !reporter.is_empty() {
        return Err(reporter.finish());
    }

    let printed = Codegen::new()
        .with_options(CodegenOptions {
            comments: CommentOptions::disabled(),
            // The printer records positions only if it has a path.
            source_map_path: Some(PathBuf::default()),
            ..CodegenOptions::default()
        })
        .build(&program);
    let CodegenReturn { code, map, .. } = printed;
    let recorded = || {
        map.iter().flat_map(|map| {
            let tokens = map.get_tokens();
            tokens.map(|token| [token.get_dst_line(), token.get_dst_col(), token.get_src_line(), token.get_src_col()])
        })
    };
    verify::verify(source.code, &code, recorded(), &mut reporter);
    if !reporter.is_empty() {
        return Err(reporter.finish());
    }
    let positions = options.source_positions.then(|| Positions::encode(recorded()));
    let body = Body {
        code,
        prelude: &interface.imports,
        exports: &interface.exports,
        functions: &functions,
        positions,
        default_name: interface.default_name,
        needs_require,
    };
    match script::assemble(source.name, &name, &body) {
        Ok(code) => Ok(WorkerScript { code, functions: functions.into_iter().map(|function| function.name).collect() }),
        Err(message) => Err(TranspileError::Internal(message)),
    }
}
