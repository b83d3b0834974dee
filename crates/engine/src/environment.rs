//! The environment of a command.

/// The variables of every command in a worker's isolated sandbox.
const WORKER: [(&str, &str); 3] = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")];

/// The variables of every command in a container.
const CONTAINER: [(&str, &str); 3] = [
    ("PATH", "/vercel/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "C.UTF-8"),
    ("SHELL", "/bin/sh"),
];

/// Returns the environment of every command in a worker's isolated sandbox. The first variable is `PATH`.
pub(crate) fn of_worker() -> Vec<(String, String)> {
    owned(&WORKER)
}

/// Returns the environment of every command that a user runs in a container.
pub(crate) fn of_user(name: &str, home: &str) -> Vec<(String, String)> {
    with(owned(&CONTAINER), &owned(&[("HOME", home), ("USER", name), ("LOGNAME", name)]))
}

/// Returns the variables with which `sudo` names the user on whose behalf a command runs as root.
pub(crate) fn on_behalf_of(name: &str, id: u32) -> [(String, String); 3] {
    let id = id.to_string();
    [("SUDO_USER", name), ("SUDO_UID", &id), ("SUDO_GID", &id)].map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Returns an environment with a command's own variables added or replaced.
pub(crate) fn with(mut environment: Vec<(String, String)>, asked: &[(String, String)]) -> Vec<(String, String)> {
    for (name, value) in asked {
        match environment.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1.clone_from(value),
            None => environment.push((name.clone(), value.clone())),
        }
    }
    environment
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
