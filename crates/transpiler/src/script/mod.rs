//! Puts a worker script together: the harness, what the user's module needs around it, the module, its positions.
//!
//! ```text
//! const $w=(<harness>)({…});$w.run((async()=>{<imports and helpers>      line 1, always one line
//! <the user's module, without import and export>                         from line 2
//! return{__proto__:null,"main":()=>main}})());                           how the harness reaches the functions
//! function $w_positions(){/*<where everything came from>*/}              read only when a stack trace is looked at
//! ```
//!
//! The arrow function is called where it stands, because V8 then compiles it at once: passed to the harness uncalled, it would be
//! parsed twice, which costs 38 ms for a megabyte.

mod harness;
mod helpers;
mod literal;
mod positions;
mod prelude;

use crate::compile::{ExportedFunction, Import};
use literal::string;
pub(crate) use positions::Positions;

/// The user's part of a script.
pub(crate) struct Body<'a> {
    /// The statements, in plain JavaScript.
    pub(crate) code: String,
    /// What they import.
    pub(crate) prelude: &'a [Import],
    /// What can be invoked.
    pub(crate) functions: &'a [ExportedFunction],
    /// Where they came from.
    pub(crate) positions: Option<Positions>,
    /// The variable of a default export that has no name of its own.
    pub(crate) default_name: Option<String>,
}

/// How the harness gets at modules of Node.js. The property came with 20.16; asking the module loader costs 3 ms.
const BUILTIN: &str = r#"process.getBuiltinModule??(await import("node:module")).createRequire(import.meta.url)"#;

/// Writes the script. `name` is the one name that the user's code does not use.
pub(crate) fn assemble(file: &str, name: &str, body: &Body<'_>) -> Result<String, String> {
    let prelude = prelude::write(name, body.prelude)?;
    let positions = body.positions.as_ref().map(Positions::as_str).unwrap_or_default();
    let harness = harness::text();
    let mut script = String::with_capacity(harness.len() + prelude.len() + body.code.len() + positions.len() + 1024);
    script.push_str(&format!(
        "const {name}=({harness})({{url:import.meta.url,file:{},name:{},positions:{name}_positions,builtin:{BUILTIN}}});{name}.run((async()=>{{{prelude}",
        string(file),
        string(name),
    ));
    if let Some(default) = &body.default_name {
        script.push_str(&format!("{name}.rename({default});"));
    }
    debug_assert!(!script.contains('\n'), "the user's code begins on line 2");
    script.push('\n');
    script.push_str(&body.code);
    script.push_str("\nreturn{__proto__:null");
    for function in body.functions {
        script.push_str(&format!(",[{}]:()=>{}", string(&function.name), function.local));
    }
    script.push_str(&format!("}}}})());\nfunction {name}_positions(){{/*{positions}*/}}\n"));
    Ok(script)
}
