//! The compiler process as a program of its own, for host programs that do not call the hook.

fn main() -> std::process::ExitCode {
    workers_compiler::compiler_main()
}
