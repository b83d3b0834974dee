//! The sandbox launcher as a separate program, for hosts that do not call the hook.

fn main() -> std::process::ExitCode {
    workers_engine::launcher_main()
}
