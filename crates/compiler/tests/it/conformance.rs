//! What every compiler must do: the one in this process and the one in processes of its own.

use workers_service::{CompileFailure, Compiler, DiagnosticKind, InProcessCompiler};

use crate::support::TestCompiler;

#[tokio::test]
async fn the_compiler_in_this_process_conforms() {
    conforms(&InProcessCompiler::new()).await;
}

#[tokio::test]
async fn the_compiler_in_its_own_process_conforms() {
    let test = TestCompiler::start(|_| {}).await;
    conforms(&test.compiler).await;
}

#[tokio::test]
async fn both_say_the_same() {
    let (own, test) = (InProcessCompiler::new(), TestCompiler::start(|_| {}).await);
    for source in
        ["export const a = () => 1, b = async () => 2", "export const x = 1", "export function f( {", "\u{feff}"]
    {
        assert_eq!(own.compile(source).await, test.compiler.compile(source).await, "{source}");
    }
}

#[tokio::test]
async fn names_that_only_a_newer_node_js_exports_are_left_to_the_run() {
    let source = "import { fromTheFuture } from 'node:fs'; export const f = () => fromTheFuture";
    for newer_node in [false, true] {
        let test = TestCompiler::start(|options| options.newer_node = newer_node).await;
        assert_eq!(test.compiler.compile(source).await.is_ok(), newer_node);
    }
}

async fn conforms(compiler: &dyn Compiler) {
    returns_the_script(compiler).await;
    returns_the_diagnostics(compiler).await;
    keeps_every_character(compiler).await;
    takes_ten_mebibytes(compiler).await;
    returns_the_script(compiler).await;
}

async fn returns_the_script(compiler: &dyn Compiler) {
    let script = compiler.compile("export const one = (n: number) => n\nexport default async () => 2").await.unwrap();
    assert_eq!(script.functions, ["one", "default"]);
    assert!(!script.code.contains(": number"));
}

async fn returns_the_diagnostics(compiler: &dyn Compiler) {
    let failed = compiler.compile("import './a.js'\nimport 'left-pad'\nexport const f = () => 1").await;
    let Err(CompileFailure::Rejected(rejection)) = failed else { panic!("{failed:?}") };
    let found: Vec<_> = rejection.diagnostics().iter().map(|found| (found.kind, found.line)).collect();
    assert_eq!(found, [(DiagnosticKind::UnsupportedImport, 1), (DiagnosticKind::UnsupportedImport, 2)]);
    assert!(rejection.diagnostics()[0].code_frame.contains("./a.js"), "{rejection:?}");
}

async fn keeps_every_character(compiler: &dyn Compiler) {
    let script = compiler.compile("export const grüße = () => 'ä 世界 🦀\u{2028}'").await.unwrap();
    assert_eq!(script.functions, ["grüße"]);
    assert!(script.code.contains("世界 🦀"));
}

async fn takes_ten_mebibytes(compiler: &dyn Compiler) {
    let mut source = "export const f = () => 1 //".to_owned();
    source.extend(std::iter::repeat_n("x", (10 << 20) - source.len()));
    assert_eq!(compiler.compile(&source).await.unwrap().functions, ["f"]);
    let source = format!("export const f = () => '{}'", "x".repeat(9 << 20));
    assert!(compiler.compile(&source).await.unwrap().code.len() > 9 << 20);
}
