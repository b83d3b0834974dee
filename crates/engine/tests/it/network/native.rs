//! Native programs in a test network: what they can do with sockets, including sockets of the host's network.

use workers_domain::ports::{SandboxFile, SandboxPath};
use workers_engine_sys::syscall_number;

use super::test_network::PUBLIC;
use super::{Fixture, test};
use crate::elf::Argument::{Number, Text};
use crate::elf::{Argument, program};
use crate::support::{finish, start};

/// Addresses as programs pass them to the kernel: the database and a closed port at a public address, a private
/// address, two ports of the loopback address, and the unspecified family.
const DATABASE: &[u8] = &[2, 0, 0x15, 0x38, 93, 184, 216, 34, 0, 0, 0, 0, 0, 0, 0, 0];
const CLOSED_PORT: &[u8] = &[2, 0, 0, 81, 93, 184, 216, 34, 0, 0, 0, 0, 0, 0, 0, 0];
const PRIVATE: &[u8] = &[2, 0, 0, 80, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0];
const LOOPBACK: &[u8] = &[2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
const HIGH_PORT: &[u8] = &[2, 0, 0x1F, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
const UNSPECIFIED: &[u8] = &[0; 16];

const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EFAULT: i32 = 14;
const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const ENOTSOCK: i32 = 88;
const ENOPROTOOPT: i32 = 92;
const EOPNOTSUPP: i32 = 95;
const EISCONN: i32 = 106;
const ECONNREFUSED: i32 = 111;

type Call = (&'static str, &'static [Argument]);

/// A TCP socket that blocks. Its number is 3.
const SOCKET: Call = ("socket", &[Number(2), Number(1), Number(0)]);
const CONNECT: Call = ("connect", &[Number(3), Text(DATABASE), Number(16)]);

/// Programs, and the code that each exits with.
const PROGRAMS: &[(&[Call], i32)] = &[
    // Clients that block until they are connected.
    (&[SOCKET, CONNECT, ("write", &[Number(3), Text(b"hello"), Number(5)])], 0),
    (&[SOCKET, ("connect", &[Number(3), Text(CLOSED_PORT), Number(16)])], ECONNREFUSED),
    (&[SOCKET, ("connect", &[Number(3), Text(PRIVATE), Number(16)])], EACCES),
    (&[SOCKET, ("connect", &[Number(3), Text(LOOPBACK), Number(16)])], ECONNREFUSED),
    // The kernel's errors for invalid arguments.
    (&[CONNECT], EBADF),
    (&[("openat", &[Number(0xFFFF_FF9C), Text(b"/dev/null"), Number(0)]), CONNECT], ENOTSOCK),
    (&[SOCKET, ("connect", &[Number(3), Number(8), Number(16)])], EFAULT),
    (&[SOCKET, ("connect", &[Number(3), Text(DATABASE), Number(1000)])], EINVAL),
    (&[SOCKET, ("connect", &[Number(3), Text(DATABASE), Number(0xFFFF_FFFF)])], EINVAL),
    // A socket of the host's network can be used for its one connection, and for nothing else.
    (&[SOCKET, CONNECT, CONNECT], EISCONN),
    (&[SOCKET, CONNECT, ("connect", &[Number(3), Text(LOOPBACK), Number(16)])], EISCONN),
    (&[SOCKET, CONNECT, ("connect", &[Number(3), Text(UNSPECIFIED), Number(16)])], EOPNOTSUPP),
    (&[SOCKET, CONNECT, ("bind", &[Number(3), Text(HIGH_PORT), Number(16)])], EINVAL),
    (&[SOCKET, CONNECT, ("listen", &[Number(3), Number(1)])], EINVAL),
    (
        &[SOCKET, CONNECT, ("setsockopt", &[Number(3), Number(1), Number(27), Text(b"\x01\0\0"), Number(4)])],
        ENOPROTOOPT,
    ),
    // The socket reveals nothing about that network either: SIOCGIFCONF, SIOCGIFHWADDR, SIOCGARP.
    (&[SOCKET, CONNECT, ("ioctl", &[Number(3), Number(0x8912), Number(0)])], ENOTTY),
    (&[SOCKET, CONNECT, ("ioctl", &[Number(3), Number(0x8927), Number(0)])], ENOTTY),
    (&[SOCKET, CONNECT, ("ioctl", &[Number(3), Number(0x8954), Number(0)])], ENOTTY),
    // MSG_FASTOPEN connects without `connect`.
    (
        &[SOCKET, ("sendto", &[Number(3), Text(b"x"), Number(1), Number(0x2000_0000), Text(DATABASE), Number(16)])],
        EOPNOTSUPP,
    ),
    (
        &[
            SOCKET,
            CONNECT,
            ("shutdown", &[Number(3), Number(2)]),
            ("sendmsg", &[Number(3), Number(0), Number(0x2000_0000)]),
        ],
        EOPNOTSUPP,
    ),
];

fn compile(calls: &[Call]) -> Vec<u8> {
    let call = |(name, arguments): &Call| {
        let mut all = [Number(0); 6];
        for (to, from) in all.iter_mut().zip(*arguments) {
            *to = *from;
        }
        (syscall_number(name).unwrap(), all)
    };
    program(&calls.iter().map(call).collect::<Vec<_>>())
}

/// Runs each program and returns their exit codes.
async fn run(fixture: &Fixture, policy: &str) -> Vec<i32> {
    let sandbox = fixture.sandbox(policy).await;
    let file = |(index, (calls, _)): (usize, &(&[Call], i32))| SandboxFile {
        path: SandboxPath::parse(format!("program{index}")).unwrap(),
        contents: compile(calls),
    };
    sandbox.write_files(PROGRAMS.iter().enumerate().map(file).collect()).await.unwrap();
    let script = format!(
        "const {{ chmodSync, copyFileSync, unlinkSync }} = require('fs'), {{ spawnSync }} = require('child_process');
         for (let i = 0; i < {}; i++) {{ copyFileSync('program' + i, '/tmp/program'); chmodSync('/tmp/program', 0o755);
         console.log(spawnSync('/tmp/program').status); unlinkSync('/tmp/program') }}",
        PROGRAMS.len()
    );
    let output = finish(&mut *start(&*sandbox, &script).await).await.output;
    sandbox.stop().await.unwrap();
    output.lines().map(|line| line.parse().unwrap_or(-1)).collect()
}

#[test]
fn native_programs_connect_and_get_nothing_more_out_of_it() {
    test(&[], |fixture| async move {
        let found = run(&fixture, "allow-all").await;
        assert_eq!(found.len(), PROGRAMS.len(), "{found:?}");
        for ((calls, expected), errno) in PROGRAMS.iter().zip(found) {
            assert_eq!(errno, *expected, "{calls:?}");
        }
        let connected = PROGRAMS.iter().filter(|(calls, _)| calls.starts_with(&[SOCKET, CONNECT])).count();
        assert_eq!(fixture.network.accepted_at(PUBLIC), connected);
    });
}
