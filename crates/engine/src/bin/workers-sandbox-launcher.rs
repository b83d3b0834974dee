//! The sandbox launcher as a program of its own, for hosts that do not call the hook.

fn main() -> std::process::ExitCode {
    workers_engine::launcher_main()
}
