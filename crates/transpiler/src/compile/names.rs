//! Names that collide with none of the user's.

use oxc::semantic::Scoping;

/// The one name that the generated code adds to the scope of user code; what else it needs is a property or begins with
/// it.
pub(super) fn reserve(code: &str, scoping: &Scoping) -> String {
    let taken = |candidate: &str| {
        // The text is looked at for the sake of `eval`, the symbols for names that are written with escapes.
        code.contains(candidate)
            || scoping.symbol_names().any(|name| name.starts_with(candidate))
            || scoping.root_unresolved_references().keys().any(|name| name.starts_with(candidate))
    };
    let mut candidate = "$w".to_owned();
    let mut number = 0;
    while taken(&candidate) {
        number += 1;
        candidate = format!("$w{number}_");
    }
    candidate
}
