//! The modules that are part of Node.js.

/// Modules of Node.js 20 to 24 that can also be imported without the prefix `node:`.
const PLAIN: &[&str] = &[
    "assert",
    "assert/strict",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "dns/promises",
    "domain",
    "events",
    "fs",
    "fs/promises",
    "http",
    "http2",
    "https",
    "inspector",
    "inspector/promises",
    "module",
    "net",
    "os",
    "path",
    "path/posix",
    "path/win32",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "readline/promises",
    "repl",
    "stream",
    "stream/consumers",
    "stream/promises",
    "stream/web",
    "string_decoder",
    "sys",
    "timers",
    "timers/promises",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "util/types",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// Modules that need the prefix `node:`.
const PREFIXED: &[&str] = &["sea", "sqlite", "test", "test/reporters"];

/// Returns whether `specifier` refers to a module of Node.js.
pub(super) fn is_builtin(specifier: &str) -> bool {
    match specifier.strip_prefix("node:") {
        Some(name) => PLAIN.contains(&name) || PREFIXED.contains(&name),
        None => PLAIN.contains(&specifier),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_optional_except_for_the_newer_modules() {
        assert!(is_builtin("fs") && is_builtin("node:fs/promises") && is_builtin("node:test"));
        assert!(!is_builtin("test") && !is_builtin("node:nope") && !is_builtin("./fs") && !is_builtin("node:node:fs"));
    }
}
