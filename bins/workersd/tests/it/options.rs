//! Tests the messages about invalid options.

use std::path::Path;

use crate::support::command;

/// Starts a server that must refuse to start, and returns its message.
fn refused(data_dir: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_message_names_what_was_written_the_flag_the_variable_or_the_key_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for (option, variable, value) in [
        ("timeout", "WORKERS_TIMEOUT", "soon"),
        ("console", "WORKERS_CONSOLE", "maybe"),
        ("no-migrate", "WORKERS_NO_MIGRATE", "maybe"),
        ("concurrency", "WORKERS_CONCURRENCY", "0"),
        ("max-concurrent-per-worker", "WORKERS_MAX_CONCURRENT_PER_WORKER", "0"),
        ("memory", "WORKERS_MEMORY", "1MiB"),
        ("timeout", "WORKERS_TIMEOUT", "0s"),
        ("processes", "WORKERS_PROCESSES", "1"),
        ("database-timeout", "WORKERS_DATABASE_TIMEOUT", "0s"),
        ("database-url", "DATABASE_URL", "mysql://nowhere"),
        ("branding-accent", "WORKERS_BRANDING_ACCENT", "red"),
        ("branding-logo", "WORKERS_BRANDING_LOGO", "/nowhere/logo.svg"),
        ("admin-token", "WORKERS_ADMIN_TOKEN", ""),
    ] {
        let flag = format!("--{option}");
        let said = refused(directory.path(), &[], &[&format!("{flag}={value}")]);
        assert!(said.contains(&flag) && !said.contains(variable), "{said}");
        // A flag takes precedence over the variable, so the message must name the flag.
        let said = refused(directory.path(), &[(variable, value)], &[&format!("{flag}={value}")]);
        assert!(said.contains(&flag) && !said.contains(variable), "{said}");
        let said = refused(directory.path(), &[(variable, value)], &[]);
        assert!(said.contains(variable) && !said.contains(&format!("{flag} ")), "{said}");
    }
    for (line, key) in [
        ("concurrency = 0", "concurrency"),
        ("max-concurrent-per-worker = 0", "max-concurrent-per-worker"),
        ("memory = '1MiB'", "memory"),
        ("branding.accent = 'red'", "branding.accent"),
        ("console = 'maybe'", "console"),
        ("cors-orign = ['*']", "cors-orign"),
    ] {
        std::fs::write(directory.path().join("workers.toml"), line).unwrap();
        let said = refused(directory.path(), &[], &[]);
        assert!(said.contains(key) && said.contains("workers.toml") && !said.contains(&format!("--{key}")), "{said}");
    }
}

#[test]
fn an_empty_variable_is_as_one_that_is_not_set_and_a_switch_is_read_as_people_write_it() {
    let directory = tempfile::tempdir().unwrap();
    let page = include_str!("../../../../docs/operations.md");
    let variables: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .filter_map(|line| line.split('`').nth(3))
        .filter(|name| !["WORKERS_ADMIN_TOKEN", "WORKERS_VERCEL_API_TOKENS", "WORKERS_NODE"].contains(name))
        .collect();
    assert!(variables.len() > 40 && variables.contains(&"WORKERS_CONSOLE"));
    // The server must refuse only the one option that is wrong.
    let empty: Vec<_> = variables.into_iter().map(|name| (name, "")).collect();
    let said = refused(directory.path(), &empty, &["--memory", "1MiB"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("--memory must be at least"), "{said}");
    for word in ["1", "0", "yes", "no", "true", "false", "on", "off", "YES"] {
        for variable in ["WORKERS_CONSOLE", "WORKERS_NO_MIGRATE"] {
            let said = refused(directory.path(), &[(variable, word)], &["--memory", "1MiB"]);
            assert!(said.contains("--memory must be at least"), "{variable}={word}: {said}");
        }
    }
}
