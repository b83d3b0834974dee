//! The harness: the program around the user's code.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use oxc::{
    allocator::Allocator,
    codegen::{Codegen, CodegenOptions},
    parser::Parser,
    span::SourceType,
};

use super::literal::string;

/// The parts of the harness, one file for each subject. Together they are the body of one function.
const PARTS: &[&str] = &[
    // First: the other parts use what this one takes from the global object.
    include_str!("../../js/harness/intrinsics.js"),
    include_str!("../../js/harness/launch.js"),
    include_str!("../../js/harness/children.js"),
    include_str!("../../js/harness/stack.js"),
    include_str!("../../js/harness/sites.js"),
    include_str!("../../js/harness/modules.js"),
    include_str!("../../js/harness/module.js"),
    // `module.js` returns if the script was not invoked, so whatever all modules need stands above.
    include_str!("../../js/harness/output.js"),
    include_str!("../../js/harness/streams.js"),
    include_str!("../../js/harness/hints.js"),
    include_str!("../../js/harness/values.js"),
    include_str!("../../js/harness/rare.js"),
    include_str!("../../js/harness/outcome.js"),
    include_str!("../../js/harness/main.js"),
];

/// The rarely used parts of the harness, which are parsed only when they are needed.
const RARE_PARTS: &[&str] = &[
    include_str!("../../js/harness/rare/scope.js"),
    include_str!("../../js/harness/rare/writer.js"),
    include_str!("../../js/harness/rare/errors.js"),
    include_str!("../../js/harness/rare/kinds.js"),
];

/// The name of the harness in stack traces.
// `js/harness/stack.js` removes the frames with this name.
const SOURCE_NAME: &str = "workers:harness";

/// The name of the global object in the harness and its configuration. The names of its properties may be redefined in
/// the user's code.
pub(super) const GLOBAL: &str = "g";

/// The module with the work that a booted Node.js does before scripts.
const PREPARE: &str = include_str!("../../js/template/prepare.cjs");

/// Returns the harness as a program whose value is a function: on one line, without comments.
pub(super) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        // The quotes are replaced, too, because `string` adds its own.
        let body = PARTS.concat().replace("\"$RARE$\"", &string(rare_text())).replace("$RARE_ID$", &id(rare_text()));
        program("config", &body)
    })
}

/// Returns the rarely used parts in the same form. The harness contains them as a string.
fn rare_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| program("scope", &RARE_PARTS.concat()))
}

/// Builds a program whose value is a function of one parameter.
fn program(parameter: &str, body: &str) -> String {
    let function = one_line(&format!("(({parameter}) => {{\n{body}\n}})"));
    ascii(&format!("\"use strict\";{function}//# sourceURL={SOURCE_NAME}"))
}

/// Escapes non-ASCII characters, all of which are in strings. A single character beyond Latin-1 would make V8 read the
/// whole script as UTF-16.
fn ascii(program: &str) -> String {
    let escape = |unit: &u16| {
        u8::try_from(*unit)
            .ok()
            .filter(u8::is_ascii)
            .map_or_else(|| format!("\\u{unit:04x}"), |byte| char::from(byte).to_string())
    };
    program.encode_utf16().map(|unit| escape(&unit)).collect()
}

/// Returns an id that distinguishes a program from those of other versions. If a later standard library hashes
/// differently, older scripts evaluate their own text, which still works.
fn id(program: &str) -> String {
    let mut hasher = DefaultHasher::new();
    program.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns the harness as an expression: the one that a booted Node.js has already compiled, if there is one, otherwise
/// evaluated from its text. Scanning a string is ten times faster than parsing a function that is not called.
pub(super) fn expression() -> &'static str {
    static EXPRESSION: OnceLock<String> = OnceLock::new();
    EXPRESSION.get_or_init(|| {
        format!(
            r#"{GLOBAL}[{GLOBAL}.Symbol.for("workers.harness")]?.["{}"]??{GLOBAL}.eval({})"#,
            id(text()),
            string(text())
        )
    })
}

/// Returns the work that a booted Node.js can do before scripts, as a `CommonJS` module: `warm()`, and in each of its
/// forks `prepare(environment)`.
pub(crate) fn prepare_module() -> String {
    PREPARE
        .replace("\"$HARNESS$\"", &string(text()))
        .replace("\"$RARE$\"", &string(rare_text()))
        .replace("$ID$", &id(text()))
        .replace("$RARE_ID$", &id(rare_text()))
}

/// Prints an expression of our own without line ends and comments.
pub(super) fn one_line(expression: &str) -> String {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, expression, SourceType::mjs()).parse();
    // Only texts of this crate come here, so the tests see every mistake.
    debug_assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let printed = Codegen::new().with_options(CodegenOptions::minify()).build(&parsed.program).code;
    // The remaining line ends are in template literals, where an escape means the same.
    printed.trim_end_matches([';', '\n']).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_one_line() {
        assert!(text().len() > 1000);
        assert!(text().is_ascii() && !text().contains('\n'));
    }

    #[test]
    fn the_harness_stays_small() {
        let parsed = text().len() - string(rare_text()).len();
        assert!(parsed < 32_000, "{parsed} bytes are parsed before every invocation");
    }
}
