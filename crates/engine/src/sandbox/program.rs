//! Which commands a booted node can run.

use workers_domain::ports::CommandSpec;

use crate::environment;
use crate::message::NodeProgram;

/// Options that a running node can still obey. Any other needs a fresh one.
const HEAP_OPTION: &str = "--max-old-space-size=";

/// Beginnings of names that node, its libraries or the loader look at when they start.
const EARLY_VARIABLES: [&str; 10] =
    ["NODE_", "LD_", "UV_", "SSL_", "OPENSSL_", "ICU_", "LC_", "MALLOC_", "GLIBC_", "GCONV_"];

/// What a command of a walled sandbox is to a booted node; `None` when only a fresh one can run it.
pub(super) fn node_program(spec: &CommandSpec) -> Option<NodeProgram> {
    let is_node = spec.program == "node" || spec.program == "/usr/bin/node";
    let (options, script) = match spec.args.as_slice() {
        [option, ..] if option.starts_with(HEAP_OPTION) => spec.args.split_at(1),
        all => (&all[..0], all),
    };
    let heap_mib = match options.first() {
        Some(option) => Some(option.strip_prefix(HEAP_OPTION)?.parse().ok()?),
        None => None,
    };
    let is_script = script.first().is_some_and(|path| !path.is_empty() && !path.starts_with('-') && path != "inspect");
    let usual = environment::walled();
    let is_early = |(name, value): &(String, String)| {
        name == "TZ"
            || EARLY_VARIABLES.iter().any(|start| name.starts_with(start))
            || usual.iter().any(|(known, usual)| known == name && usual != value)
    };
    let seed = u32::from_ne_bytes(random_bytes()?);
    (is_node && is_script && !spec.env.iter().any(is_early)).then(|| NodeProgram {
        options: options.to_vec(),
        script: script.to_vec(),
        environment: environment::with(environment::walled(), &spec.env),
        heap_mib,
        seed: seed >> 1 | 1,
    })
}

fn random_bytes() -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).ok()?;
    (filled == bytes.len()).then_some(bytes)
}
