//! The helpers that lowered code calls.

use oxc::{allocator::Allocator, parser::Parser, semantic::SemanticBuilder, span::SourceType};

use super::harness::one_line;
use crate::compile::{HELPERS, JSX};

/// Returns the value that a generated import stands for: for a helper, an object with it as `default`; for JSX, the
/// module of the factory. `name` is the variable of the harness.
pub(super) fn value_of(name: &str, specifier: &str) -> Option<String> {
    // The transformer imports from `workers:jsx/jsx-runtime`, and from `workers:jsx` where a key follows a spread.
    if specifier.starts_with(JSX) {
        return Some(enclosed(name, include_str!("../../js/helpers/jsx.js")));
    }
    let source = match specifier.strip_prefix(HELPERS)?.strip_prefix("/helpers/")? {
        "decorate" => include_str!("../../js/helpers/decorate.js"),
        "decorateParam" => include_str!("../../js/helpers/decorateParam.js"),
        "defineProperty" => include_str!("../../js/helpers/defineProperty.js"),
        "standard" => include_str!("../../js/helpers/standard.js"),
        "usingCtx" => include_str!("../../js/helpers/usingCtx.js"),
        _ => return None,
    };
    Some(format!("{{default:{}}}", enclosed(name, source)))
}

/// Prints a helper on one line. The globals that it uses become parameters, because the user's module may declare a
/// `Promise` or a `Reflect` of its own.
fn enclosed(name: &str, source: &str) -> String {
    let allocator = Allocator::default();
    let program = Parser::new(&allocator, source, SourceType::mjs()).parse().program;
    let scoping = SemanticBuilder::new().build(&program).semantic.into_scoping();
    let mut globals: Vec<&str> = scoping.root_unresolved_references().keys().map(oxc::str::Ident::as_str).collect();
    // The keys of a hash map come in any order, but the same bundle has to give the same script.
    globals.sort_unstable();
    let helper = one_line(source);
    if globals.is_empty() { helper } else { format!("(({{{}}})=>{helper})({name}.globals)", globals.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_an_expression_on_one_line() {
        let value = value_of("$w", "workers:helpers/helpers/usingCtx").unwrap();
        assert!(value.starts_with("{default:") && !value.contains('\n'));
    }

    #[test]
    fn a_helper_takes_its_globals_from_the_harness() {
        let value = value_of("$w", "workers:helpers/helpers/decorate").unwrap();
        assert!(value.starts_with("{default:(({Object,Reflect})=>(decorators,"), "{value}");
        assert!(value.ends_with(")($w.globals)}"), "{value}");
        let value = value_of("$w", "workers:helpers/helpers/decorateParam").unwrap();
        assert!(value.starts_with("{default:(index,decorator)=>"), "{value}");
    }

    #[test]
    fn an_unknown_helper_is_not_made_up() {
        assert_eq!(value_of("$w", "workers:helpers/helpers/nope"), None);
    }
}
