//! What the commands do when their output is not read, or cannot be written.

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use crate::support::{command, end};

/// Returns the writing end of a pipe whose reader is closed.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn run(arguments: &[&str], stdout: Stdio) -> Output {
    command().args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).output().unwrap()
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly_as_it_would_have_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (data, read, unread) = (path("data"), path("read"), path("unread"));
    for arguments in [
        vec!["migrate", "--data-dir", &data],
        vec!["migrate", "--data-dir", &data],
        vec!["doctor", "--data-dir", &data],
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["--version"],
    ] {
        let (unread, read) = (run(&arguments, closed_pipe()), run(&arguments, Stdio::piped()));
        assert_eq!(unread.status.code(), read.status.code(), "{arguments:?} {unread:?}");
        let said = String::from_utf8_lossy(&unread.stderr);
        assert!(!said.contains("panic") && !said.contains("standard output"), "{arguments:?}: {said}");
        assert!(!read.stdout.is_empty(), "{arguments:?}");
    }
    for (copy, stdout) in [(&read, Stdio::piped()), (&unread, closed_pipe())] {
        let backup = run(&["backup", "--data-dir", &data, copy], stdout);
        assert!(backup.status.success() && backup.stderr.is_empty(), "{backup:?}");
        assert!(std::fs::metadata(copy).unwrap().len() > 0);
    }
}

#[test]
fn a_command_that_cannot_say_what_it_found_fails_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = run(&["migrate", "--data-dir", directory.path().to_str().unwrap()], full.into());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("failed to write to standard output") && !said.contains("panic"), "{said}");
}

#[test]
fn what_is_wrong_with_the_command_line_is_no_panic_where_standard_error_is_not_read_either() {
    for arguments in [["serve", "--listen", "nowhere"], ["serve", "--concurrency", "0"]] {
        let mut command = command();
        command.args(arguments).args(["--data-dir", "/proc/nowhere"]).stdout(closed_pipe()).stderr(closed_pipe());
        let code = command.status().unwrap().code();
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}");
    }
}

#[tokio::test]
async fn a_server_serves_although_its_address_is_not_read_or_cannot_be_written() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    for stdout in [closed_pipe(), full.into()] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.path());
        let mut process = command.args(["--vercel-api", "127.0.0.1:0"]).stdout(stdout).spawn().unwrap();
        let address = loop {
            // The file gets this name when it is complete.
            if let Ok(address) = std::fs::read_to_string(directory.path().join("listening.lock")) {
                break address;
            }
            assert!(process.try_wait().unwrap().is_none(), "the server ended; its log says why");
            std::thread::yield_now();
        };
        let health = workers_testing::http_client().get(format!("http://{}/healthz", address.trim())).send().await;
        let status = health.unwrap().status();
        end(&mut process);
        let code = process.wait().unwrap().code();
        assert_eq!((status.as_u16(), code), (200, Some(0)));
    }
}
