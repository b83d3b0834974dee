//! The harness: the program around the user's code.

use std::sync::OnceLock;

use oxc::{
    allocator::Allocator,
    codegen::{Codegen, CodegenOptions},
    parser::Parser,
    span::SourceType,
};

/// The parts of the harness, one subject a file; together they are the body of one function.
const PARTS: &[&str] = &[
    include_str!("../../js/harness/intrinsics.js"),
    include_str!("../../js/harness/output.js"),
    include_str!("../../js/harness/streams.js"),
    include_str!("../../js/harness/stack.js"),
    include_str!("../../js/harness/errors.js"),
    include_str!("../../js/harness/values.js"),
    include_str!("../../js/harness/kinds.js"),
    include_str!("../../js/harness/outcome.js"),
    include_str!("../../js/harness/modules.js"),
    include_str!("../../js/harness/main.js"),
];

/// The harness as one function expression on one line, without comments.
pub(super) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| one_line(&format!("((config) => {{\n{}\n}})", PARTS.concat())))
}

/// Prints an expression of ours without line ends and comments.
pub(super) fn one_line(expression: &str) -> String {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, expression, SourceType::mjs()).parse();
    debug_assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let printed = Codegen::new().with_options(CodegenOptions::minify()).build(&parsed.program).code;
    // The line ends that are left stand in template literals, where an escape means the same.
    printed.trim_end_matches([';', '\n']).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_one_line() {
        assert!(text().len() > 1000);
        assert!(!text().contains('\n'));
    }

    #[test]
    fn the_harness_stays_small() {
        assert!(text().len() < 24_000, "{} bytes are parsed before every invocation", text().len());
    }
}
