//! Puts a worker script together: the harness, what the user's module needs around it, the module, its positions.
//!
//! ```text
//! const $w=(<harness>)({…});$w.run((async()=>{<imports and helpers>      line 1, always one line
//! <the user's module, without import and export>                         from line 2
//! return[{__proto__:null,["main"]:()=>main}]})());                       how the harness reaches the functions
//! function $w_positions(){/*<where everything came from>*/}              read only when a stack trace is looked at
//! ```
//!
//! The arrow function is called where it stands, because V8 then compiles it at once: passed to the harness uncalled, it would be
//! parsed twice, which costs 38 ms for a megabyte.
//!
//! The harness is a text that is evaluated, unless a booted Node.js has it compiled already ([`prepare_module`]).

mod harness;
mod helpers;
mod literal;
mod positions;
mod prelude;

use crate::compile::{ExportedFunction, Import};
pub(crate) use harness::prepare_module;
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
    let harness = harness::expression();
    let config = format!(
        "{{url:import.meta.url,file:{},name:{},positions:{name}_positions,builtin:{BUILTIN}}}",
        string(file),
        string(name)
    );
    let rename = body.default_name.as_ref().map(|default| format!("{name}.rename({default});"));
    let functions: Vec<String> =
        body.functions.iter().map(|function| format!(",[{}]:()=>{}", string(&function.name), function.local)).collect();
    let functions = functions.concat();
    Ok([
        &format!("const {name}=({harness})({config});{name}.run((async()=>{{{prelude}"),
        rename.as_deref().unwrap_or_default(),
        "\n",
        &body.code,
        &format!("\nreturn[{{__proto__:null{functions}}}]}})());\nfunction {name}_positions(){{/*"),
        positions,
        "*/}\n",
    ]
    .concat())
}
