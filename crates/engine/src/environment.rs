//! The environment of a command.

/// What every command in a walled sandbox has.
const WALLED: [(&str, &str); 3] = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")];

/// What every command in a machine has.
const MACHINE: [(&str, &str); 3] = [
    ("PATH", "/vercel/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "C.UTF-8"),
    ("SHELL", "/bin/sh"),
];

/// The environment of every command in a walled sandbox. The first one is `PATH`.
pub(crate) fn walled() -> Vec<(String, String)> {
    owned(&WALLED)
}

/// The environment of every command that a user runs in a machine.
pub(crate) fn of_user(name: &str, home: &str) -> Vec<(String, String)> {
    with(owned(&MACHINE), &owned(&[("HOME", home), ("USER", name), ("LOGNAME", name)]))
}

/// What says to a command that runs as root on whose behalf it does so, as `sudo` would.
pub(crate) fn on_behalf_of(name: &str, id: u32) -> [(String, String); 3] {
    let id = id.to_string();
    [("SUDO_USER", name), ("SUDO_UID", &id), ("SUDO_GID", &id)].map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// An environment with what a command asks for on top.
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
