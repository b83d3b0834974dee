//! Chooses a name that collides with no name in the user's code.

use oxc::semantic::Scoping;

/// Returns the one name that the generated code adds to the scope of user code. Everything else that it adds is a
/// property of that name or has it as prefix.
pub(super) fn reserve(code: &str, scoping: &Scoping) -> String {
    let taken = |candidate: &str| {
        // Check the text because of `eval`, and the symbols because of names that are written with escapes.
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
