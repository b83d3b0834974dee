//! What lowered code calls.

use std::{borrow::Cow, sync::OnceLock};

use super::harness::one_line;
use crate::compile::{HELPERS, JSX};

/// The value that a generated import stands for: for a helper, an object with it as `default`; for JSX, the factory's
/// module.
pub(super) fn value_of(specifier: &str) -> Option<Cow<'static, str>> {
    static JSX_RUNTIME: OnceLock<String> = OnceLock::new();
    if specifier.starts_with(JSX) {
        return Some(Cow::Borrowed(JSX_RUNTIME.get_or_init(|| one_line(include_str!("../../js/helpers/jsx.js")))));
    }
    let source = match specifier.strip_prefix(HELPERS)?.strip_prefix("/helpers/")? {
        "decorate" => include_str!("../../js/helpers/decorate.js"),
        "decorateParam" => include_str!("../../js/helpers/decorateParam.js"),
        "defineProperty" => include_str!("../../js/helpers/defineProperty.js"),
        "standard" => include_str!("../../js/helpers/standard.js"),
        "usingCtx" => include_str!("../../js/helpers/usingCtx.js"),
        _ => return None,
    };
    Some(Cow::Owned(format!("{{default:{}}}", one_line(source))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_an_expression_on_one_line() {
        let value = value_of("workers:helpers/helpers/usingCtx").unwrap();
        assert!(value.starts_with("{default:") && !value.contains('\n'));
    }

    #[test]
    fn an_unknown_helper_is_not_made_up() {
        assert_eq!(value_of("workers:helpers/helpers/nope"), None);
    }
}
