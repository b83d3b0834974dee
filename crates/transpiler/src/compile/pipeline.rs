//! One compilation, step by step.

use std::path::PathBuf;

use oxc::{
    allocator::Allocator,
    codegen::{Codegen, CodegenOptions, CodegenReturn, CommentOptions},
    semantic::SemanticBuilder,
};

use super::{depth, exports, imports, lower, names, parse, rewrite, using_in_for, verify};
use crate::{
    DiagnosticKind, SourceFile, TranspileOptions, TranspileOutput, WorkerScript,
    diagnostic::Reporter,
    script::{self, Body, Positions},
};

/// Compiles a bundle whose byte order mark has been taken off.
pub(super) fn compile(source: &SourceFile<'_>, options: &TranspileOptions) -> TranspileOutput {
    let allocator = Allocator::default();
    let mut reporter = Reporter::new(source.code);

    let mut program = match parse::parse(&allocator, source) {
        Ok(program) => program,
        Err(diagnostics) => {
            reporter.add_all(DiagnosticKind::SyntaxError, diagnostics);
            return reporter.finish().into();
        }
    };
    depth::check(&program, &mut reporter);
    if !reporter.is_empty() {
        return reporter.finish().into();
    }

    using_in_for::rewrite(&allocator, &mut program);
    let analysed = SemanticBuilder::new_compiler().with_enum_eval(true).with_excess_capacity(1.0).build(&program);
    reporter.add_all(DiagnosticKind::SyntaxError, analysed.diagnostics.into_iter().filter(super::is_error).collect());
    let scoping = analysed.semantic.into_scoping();
    imports::check_names(&scoping, &mut reporter);
    let exports = exports::find(&program, &scoping, &mut reporter);
    let name = names::reserve(source.code, &scoping);
    let is_commonjs =
        ["module", "exports"].into_iter().any(|name| scoping.root_unresolved_references().contains_key(name));
    lower::check(&program, &mut reporter);
    if !reporter.is_empty() {
        return reporter.finish().into();
    }

    reporter.add_all(DiagnosticKind::UnsupportedSyntax, lower::lower(&allocator, source.name, scoping, &mut program));
    lower::check_lowered(&program, &mut reporter);
    let mut interface = rewrite::rewrite(&allocator, &mut program, &name);
    interface.is_commonjs = is_commonjs;
    imports::check(&interface.imports, &mut reporter);
    let functions = exports::select(&exports, &interface, &mut reporter);
    if !reporter.is_empty() {
        return reporter.finish().into();
    }

    let printed = Codegen::new()
        .with_options(CodegenOptions {
            comments: CommentOptions::disabled(),
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
        return reporter.finish().into();
    }
    let positions = options.source_positions.then(|| Positions::encode(recorded()));
    let body = Body {
        code,
        prelude: &interface.imports,
        functions: &functions,
        positions,
        default_name: interface.default_name,
    };
    match script::assemble(source.name, &name, &body) {
        Ok(code) => {
            WorkerScript { code, functions: functions.into_iter().map(|function| function.name).collect() }.into()
        }
        Err(message) => {
            reporter.add(DiagnosticKind::Internal, oxc::span::SPAN, message, None);
            reporter.finish().into()
        }
    }
}
