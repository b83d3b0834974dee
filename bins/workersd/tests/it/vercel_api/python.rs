//! The Python SDK, which has a setting for the server. The tests themselves are in `tests/vercel/python`.

use super::support::{Offered, clients, ours, succeed};

fn run(file: &str) {
    let offered = Offered::start(&[]);
    let mut python = offered.client("python3");
    python.env("PYTHONPATH", clients().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(ours("python").join(file));
    succeed(python);
}

#[test]
fn the_synchronous_sdk_works() {
    run("synchronous.py");
}

#[test]
fn the_asynchronous_sdk_works() {
    run("asynchronous.py");
}
