//! Assembles a worker script: the harness, the imports and helpers of the user's module, the module, its positions.
//!
//! ```text
//! const $w=(g=>(<harness>)({…}))(<global>);<imports and helpers> line 1, always one line
//! <the user's module, without import and export>                 from line 2
//! export{main as "main",…};                                      what the module exports, functions or not
//! $w.run({__proto__:null,["main"]:()=>main});                    how the harness reaches the functions
//! function $w_positions(){/*<where everything came from>*/}      read only when a stack trace is looked at
//! ```
//!
//! The user's code is at the top level, so that everything outside sees a module with its exports: a thread or a child
//! process that runs the same file, an import of it, and V8 where it names functions in stack traces. The harness
//! decides whether the script was invoked; if it was not, it loads the module and does no more.
//!
//! Helpers are in line 1, inside the scope of the user's names, so they take the globals that they use from the
//! harness.
//!
//! The harness is a text that is evaluated, unless a booted Node.js has already compiled it ([`prepare_module`]).

mod harness;
mod helpers;
mod literal;
mod positions;
mod prelude;

use crate::compile::{ExportedFunction, Import};
use harness::GLOBAL;
pub(crate) use harness::prepare_module;
use literal::string;
pub(crate) use positions::Positions;

/// The global object, without the use of a name: the user's module may declare a `process`, a `Symbol` or a
/// `globalThis` of its own at its top level, which cannot be read before its declaration.
const THE_GLOBAL: &str = "(()=>{}).constructor(\"return this\")()";

/// The user's part of a script.
pub(crate) struct Body<'a> {
    /// The statements, in plain JavaScript.
    pub(crate) code: String,
    /// The imports of the module.
    pub(crate) prelude: &'a [Import],
    /// The exports of the module: names, and the variables behind them.
    pub(crate) exports: &'a [(String, String)],
    /// The functions that can be invoked.
    pub(crate) functions: &'a [ExportedFunction],
    /// The source positions of the statements.
    pub(crate) positions: Option<Positions>,
    /// The variable of a default export that has no name of its own.
    pub(crate) default_name: Option<String>,
    /// Whether the code gets a `require`.
    pub(crate) needs_require: bool,
}

/// Writes the script. `name` is the one name that the user's code does not use.
pub(crate) fn assemble(file: &str, name: &str, body: &Body<'_>) -> Result<String, String> {
    let prelude = prelude::write(name, body.prelude)?;
    let positions = body.positions.as_ref().map(Positions::as_str).unwrap_or_default();
    let harness = harness::expression();
    // Scripts need Node.js 20.16 or 22.3 because of `process.getBuiltinModule`; it is read before user code can replace
    // it. The function of positions is hoisted, so line 1 can name it.
    let config = format!(
        "{{url:import.meta.url,main:import.meta.main,self:()=>import(import.meta.url),file:{},name:{},positions:{name}_positions,builtin:{GLOBAL}.process.getBuiltinModule}}",
        string(file),
        string(name)
    );
    let rename = body.default_name.as_ref().map(|default| format!("{name}.rename({default});"));
    let require = body.needs_require.then(|| format!("const require={name}.require();"));
    // Arrow functions, because an export may be assigned later. A computed key, because `__proto__` as a plain one
    // would set the prototype; and without a prototype, `toString` is not one of the functions.
    let functions: Vec<String> =
        body.functions.iter().map(|function| format!(",[{}]:()=>{}", string(&function.name), function.local)).collect();
    let functions = functions.concat();
    let exports: Vec<String> =
        body.exports.iter().map(|(exported, local)| format!("{local} as {}", string(exported))).collect();
    Ok([
        &format!("const {name}=({GLOBAL}=>({harness})({config}))({THE_GLOBAL});"),
        require.as_deref().unwrap_or_default(),
        &prelude,
        rename.as_deref().unwrap_or_default(),
        "\n",
        &body.code,
        &format!("\nexport{{{}}};\n{name}.run({{__proto__:null{functions}}});", exports.join(",")),
        &format!("\nfunction {name}_positions(){{/*{positions}*/}}\n"),
    ]
    .concat())
}
