//! The environment of a command.

/// What every command in a walled sandbox has.
const WALLED: [(&str, &str); 3] = [("PATH", "/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8")];

/// The environment of every command in a walled sandbox. The first one is `PATH`.
pub(crate) fn walled() -> Vec<(String, String)> {
    WALLED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
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
