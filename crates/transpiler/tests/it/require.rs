//! Names that exist only in `CommonJS` modules.

use serde_json::json;

use crate::support::Worker;

/// The form that esbuild generates.
const SHIM: &str = r#"var __require = /* @__PURE__ */ ((x) => typeof require !== "undefined" ? require : typeof Proxy !== "undefined" ? new Proxy(x, {
  get: (a, b) => (typeof require !== "undefined" ? require : a)[b]
}) : x)(function(x) {
  if (typeof require !== "undefined") return require.apply(this, arguments);
  throw Error('Dynamic require of "' + x + '" is not supported');
});
"#;

#[test]
fn a_bundle_that_looks_whether_there_is_a_require_gets_one() {
    let code = format!(
        "{SHIM}var util = __require('util'), os = __require('node:os');\n\
        export const main = () => [util.format('%d', 1), typeof os.EOL, typeof __require.resolve, __require.resolve('fs')];"
    );
    assert_eq!(Worker::new(&code).result("main"), json!(["1", "string", "function", "fs"]));
    let run = Worker::new(&format!("{SHIM}export const main = () => __require('left-pad');")).framed("main", "{}");
    assert_eq!((&run.value()["errorCode"], run.code()), (&json!("MODULE_NOT_FOUND"), "thrown"));
    assert!(run.value()["message"].as_str().unwrap().starts_with("Cannot find module 'left-pad'"));
}

#[test]
fn whoever_hands_on_a_require_that_it_has_tested_for_gets_one() {
    for shim in [
        "var __require = typeof require !== 'undefined' ? require : (x) => { throw Error(x) };",
        "var __require = typeof require === 'function' && require;",
        "var __require = (x) => typeof require === 'undefined' ? null : require.apply(this, [x]);",
        "var __require=(e=>typeof require<'u'?require:e)(function(e){throw Error(e)});",
    ] {
        let code = format!("{shim}\nexport const main = () => __require('path').join('a', 'b');");
        assert_eq!(Worker::new(&code).result("main"), json!("a/b"), "{shim}");
    }
}

#[test]
fn code_for_both_kinds_of_modules_finds_itself_in_an_es_module() {
    let looks = "export const main = () => [typeof require, typeof module, typeof exports, typeof __filename];";
    assert_eq!(Worker::new(looks).result("main"), json!(["undefined", "undefined", "undefined", "undefined"]));
    let both = "if (typeof require !== 'undefined' && require.main === module) throw new Error('never');\n\
        export const main = () => typeof require === 'function' ? [require('fs'), __dirname] : typeof import.meta.dirname;";
    assert_eq!(Worker::new(both).result("main"), json!("string"));
    let uses = "export const main = () => { try { return require('fs') } catch (error) { return error.name } };";
    assert_eq!(Worker::new(uses).result("main"), json!("ReferenceError"));
}

#[test]
fn a_require_of_the_users_own_stays_the_users_own() {
    let code = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n\
        export const main = () => typeof require === 'function' && require('node:path').sep;";
    assert_eq!(Worker::new(code).result("main"), json!("/"));
    let code = "function inner(require: any) { return typeof require === 'function' ? require('x') : 'none' }\n\
        export const main = () => [inner((x: string) => x + 1), inner(1), typeof require];";
    assert_eq!(Worker::new(code).result("main"), json!(["x1", "none", "undefined"]));
}

#[test]
fn a_name_that_es_modules_do_not_have_is_told_as_node_tells_it() {
    for (name, hint) in [
        ("require('fs')", ", you can use import instead"),
        ("__dirname", ""),
        ("__filename", ""),
        ("module", ""),
        ("exports.x", ""),
    ] {
        let word = name.split(['(', '.']).next().unwrap();
        let message = format!("{word} is not defined in ES module scope{hint}");
        let run = Worker::new(&format!("export const main = () => {name};")).framed("main", "{}");
        assert_eq!((&run.value()["message"], run.code()), (&json!(message), "thrown"));
        assert!(
            run.value()["stack"]
                .as_str()
                .unwrap()
                .starts_with(&format!("ReferenceError: {message}\n    at main (worker.ts:1:"))
        );
        let run = Worker::new(&format!("const x = {name};\nexport const main = () => x;")).framed("main", "{}");
        assert_eq!((&run.value()["message"], run.code()), (&json!(message), "load_failed"));
    }
    let run = Worker::new("export const main = () => (globalThis as any).missing.x + __other;").framed("main", "{}");
    assert!(!run.value()["message"].as_str().unwrap().contains("ES module"));
}
