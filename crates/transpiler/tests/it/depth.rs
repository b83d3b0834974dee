//! However deeply a bundle nests, the result is a diagnostic and never a stack overflow.

use workers_transpiler::{DiagnosticKind, TranspileError};

use crate::support::{compile, mistake, script};

/// Every way to nest that the language has: the name, the beginning, the text repeated before the middle, the middle,
/// the text repeated after it.
const SHAPES: &[(&str, &str, &str, &str, &str)] = &[
    ("arrays", "x = ", "[", "1", "]"),
    ("parentheses", "x = ", "(", "1", ")"),
    ("calls", "", "f(", "1", ")"),
    ("objects", "x = ", "{a:", "1", "}"),
    ("blocks", "", "{", "1", "}"),
    ("functions", "", "(function(){", "1", "})"),
    ("functions with statements", "", "function f(){", "1", "}"),
    ("arrow functions", "x = ", "a=>", "1", ""),
    ("arrow functions with parameters", "x = ", "(a)=>", "1", ""),
    ("async arrow functions", "x = ", "async a=>", "1", ""),
    ("nested default parameters", "", "(a=", "1", ")=>1"),
    ("classes", "", "class A { m(){", "1", "}}"),
    ("heritage", "", "class A extends ", "B", "{}"),
    ("templates", "x = ", "`${", "1", "}`"),
    ("tagged templates", "x = t", "``", "", ""),
    ("unary operators", "x = ", "!", "1", ""),
    ("minus signs", "x = ", "- ", "1", ""),
    ("typeof", "x = ", "typeof ", "1", ""),
    ("await", "x = ", "await ", "1", ""),
    ("new", "x = ", "new ", "X", ""),
    ("powers", "x = ", "2**", "1", ""),
    ("assignments", "", "x=", "1", ""),
    ("conditions", "x = ", "a?", "1", ":0"),
    ("ifs", "", "if(a)", "1", ""),
    ("else-ifs", "", "if(a){}else ", "1", ""),
    ("loops", "", "for(;;)", "1", ""),
    ("do loops", "", "do ", "1", " while(0);"),
    ("while loops", "", "while(a)", "1", ""),
    ("switches", "", "switch(a){case 1:", "1", "}"),
    ("try", "", "try{", "1", "}finally{}"),
    ("patterns", "let ", "[", "a", "] = []"),
    ("object patterns", "let ", "{a:", "a", "} = {}"),
    ("assignment patterns", "", "[", "a", "] = []"),
    ("sums", "x = 1", "+1", "", ""),
    ("members", "x = a", ".b", "", ""),
    ("optional members", "x = a", "?.b", "", ""),
    ("indices", "x = a", "[0]", "", ""),
    ("empty calls", "x = a", "()", "", ""),
    ("assertions", "x = a", "!", "", ""),
    ("casts", "x = a", " as T", "", ""),
    ("disjunctions", "x = a", "||b", "", ""),
    ("conditional chains", "x = ", "a?1:", "1", ""),
    ("type arguments", "let x: ", "A<", "B", ">"),
    ("array types", "type A = B", "[]", "", ""),
    ("keyof", "type A = ", "keyof ", "B", ""),
    ("object types", "type A = ", "{a:", "B", "}"),
    ("function types", "type A = ", "()=>", "B", ""),
    ("conditional types", "type A = ", "B extends C ? 1 : ", "2", ""),
    ("tuple types", "type A = ", "[", "B", "]"),
    ("parenthesised types", "type A = ", "(", "B", ")"),
    ("template types", "type A = ", "`${", "B", "}`"),
    ("qualified names", "type A = B", ".C", "", ""),
    ("namespaces", "namespace A", ".B", "{}", ""),
    ("nested namespaces", "", "namespace A {", "1", "}"),
    ("elements", "x = ", "<a>", "1", "</a>"),
    ("fragments", "x = ", "<>", "1", "</>"),
    ("attributes", "x = ", "<a b={", "1", "}/>"),
    ("element names", "x = <a", ".b", "/>", ""),
    ("decorators", "", "@d(class{", "", "}) class A {}"),
    ("imports", "", "import(", "'a'", ")"),
    ("labels", "", "a: ", "1", ""),
    ("sequences of brackets that never close", "x = ", "[({", "", ""),
    ("angle brackets", "x = ", "<", "", ""),
    ("generic arrow functions", "x = ", "<T>(a = ", "1", ") => 1"),
];

fn nested(shape: &(&str, &str, &str, &str, &str), levels: usize) -> String {
    let (_, start, open, middle, close) = shape;
    format!("{start}{}{middle}{};\nexport const f = () => 1;", open.repeat(levels), close.repeat(levels))
}

#[test]
fn a_hundred_thousand_levels_of_anything_end_in_a_diagnostic() {
    for shape in SHAPES {
        let Err(error) = compile(&nested(shape, 100_000)) else { panic!("{} compiled", shape.0) };
        let kind = error.diagnostics()[0].kind;
        assert!(matches!(kind, DiagnosticKind::TooDeep | DiagnosticKind::SyntaxError), "{}: {kind:?}", shape.0);
    }
}

#[test]
fn a_few_thousand_levels_pass_the_quick_scan_and_end_in_a_diagnostic_too() {
    for shape in SHAPES {
        for levels in [700, 900, 1_200, 2_900] {
            let output = compile(&nested(shape, levels));
            assert!(!matches!(output, Err(TranspileError::Internal(_))), "{}: {output:?}", shape.0);
        }
    }
}

#[test]
fn brackets_that_the_quick_scan_takes_for_a_string_do_not_overflow_the_stack() {
    let code = format!("{}1{}", "{if(1)/'/;[/'/,".repeat(30_000), "]}".repeat(30_000));
    assert!(matches!(compile(&code), Err(TranspileError::Rejected(_))));
}

#[test]
fn a_diagnostic_for_nesting_points_at_the_first_level_too_many() {
    let found = mistake(&format!("export const f = () => {}1{};", "[".repeat(2000), "]".repeat(2000)));
    assert_eq!((found.kind, found.line), (DiagnosticKind::TooDeep, 1));
    assert!(found.column > 800 && found.column < 900, "{}", found.column);
}

#[test]
fn long_programs_that_do_not_nest_compile() {
    script(&format!("export const f = () => [{}];", "1,".repeat(100_000)));
    script(&format!("export const f = () => ''{};", " + 'a'".repeat(5_000)));
    script(&format!("export const f = (a: any) => a{};", ".then((b: any) => b)".repeat(3_000)));
    script(&format!("export const f = (a: any) => a{};", "\n.b(1)".repeat(5_000)));
    script(&format!("export const f = (a: any) => {}0;", "a === 1 ? 2 : ".repeat(3_000)));
    script(&format!("export function f(a: any) {{ {} }}", "if (a) { a() } else ".repeat(400) + "{}"));
    script(&format!("export const f = () => 1;\n{}", "void [{ b: (1) }];\n".repeat(50_000)));
}
