//! Decides which commands a child of a template can run.

use workers_domain::ports::{CommandSpec, NodeScript, Program, node_heap_option};

use crate::environment;
use crate::launcher::RUN_PID;
use crate::message::NodeProgram;

/// The id of a child of a template in its sandbox, where init has 1.
const CHILD_PID: u32 = 2;

/// Prefixes of variables that node, its libraries or the loader read when they start.
const EARLY_VARIABLES: [&str; 10] =
    ["NODE_", "LD_", "UV_", "SSL_", "OPENSSL_", "ICU_", "LC_", "MALLOC_", "GLIBC_", "GCONV_"];

/// Returns a command of an isolated sandbox as a program for a child of a template, or `None` when only a fresh node
/// can run it.
pub(super) fn node_program(spec: &CommandSpec) -> Option<NodeProgram> {
    let Program::NodeScript { path, heap_mib } = &spec.program else { return None };
    let usual = environment::of_worker();
    let is_early = |(name, value): &(String, String)| {
        name == "TZ"
            || EARLY_VARIABLES.iter().any(|start| name.starts_with(start))
            // The template was booted with the usual value, so another one may come too late.
            || usual.iter().any(|(known, usual)| known == name && usual != value)
    };
    if let Some((name, _)) = spec.env.iter().find(|variable| is_early(variable)) {
        tracing::debug!(name, "a variable that node reads as it starts: a fresh node is started, which takes longer");
        return None;
    }
    Some(NodeProgram {
        options: heap_mib.map(node_heap_option).into_iter().collect(),
        script: [std::slice::from_ref(path), &spec.args].concat(),
        environment: environment::with(environment::of_worker(), &spec.env),
        heap_mib: *heap_mib,
        seed: NodeProgram::random_seed().ok()?,
        pid: CHILD_PID,
        zygote: false,
    })
}

/// Returns the program of a zygote that loads a script, or `None` when only a fresh node can run the script.
pub(super) fn program_of(script: &NodeScript) -> Option<NodeProgram> {
    let NodeScript { path, heap_mib, env } = script.clone();
    let spec = CommandSpec { program: Program::NodeScript { path, heap_mib }, args: Vec::new(), env };
    Some(NodeProgram { pid: RUN_PID, zygote: true, ..node_program(&spec)? })
}

/// Returns a command as a program for a run that a zygote has forked, or `None` if it is not the zygote's script.
pub(super) fn run_of(script: &NodeScript, spec: &CommandSpec) -> Option<NodeProgram> {
    let Program::NodeScript { path, heap_mib } = &spec.program else { return None };
    let is_same = *path == script.path && *heap_mib == script.heap_mib;
    let env = script.env.iter().chain(&spec.env).cloned().collect();
    let program = if is_same { node_program(&CommandSpec { env, ..spec.clone() }) } else { None };
    program.map(|program| NodeProgram { pid: RUN_PID, ..program })
}
