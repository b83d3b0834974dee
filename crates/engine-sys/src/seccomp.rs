//! Filters of system calls in the kernel's form: a short BPF program that reads a call's number, architecture and
//! arguments.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// One instruction of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    code: u16,
    when_true: u8,
    when_false: u8,
    value: u32,
}

/// What the kernel does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call is made.
    Allow,
    /// The call is not made and fails with this error number; with 0 it is not made and succeeds.
    Errno(u16),
    /// The kernel kills the whole process.
    Kill,
    /// The call is reported to a [`NotifyFd`](crate::notify::NotifyFd), and the process that holds it responds.
    Notify,
}

impl Verdict {
    const fn value(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Errno(number) => libc::SECCOMP_RET_ERRNO | number as u32,
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
        }
    }
}

/// A part of the description of a call, for [`Instruction::load`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The call's number.
    Number,
    /// The architecture that the call is made for.
    Architecture,
    /// The lower half of an argument, counted from 0.
    ArgumentLow(u8),
    /// The upper half of an argument, counted from 0.
    ArgumentHigh(u8),
}

/// The architecture that this program is built for, as filters see it.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xC000_003E;
/// The architecture that this program is built for, as filters see it.
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xC000_00B7;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

impl Instruction {
    /// Loads a field for the tests that follow.
    #[must_use]
    pub const fn load(field: Field) -> Self {
        // Both architectures are little-endian: the lower half of an argument comes first.
        let offset = match field {
            Field::Number => 0,
            Field::Architecture => 4,
            Field::ArgumentLow(index) => 16 + 8 * index as u32,
            Field::ArgumentHigh(index) => 20 + 8 * index as u32,
        };
        Self { code: LOAD, when_true: 0, when_false: 0, value: offset }
    }

    /// Skips `when_true` instructions if the loaded value is equal to `value`, otherwise `when_false`.
    #[must_use]
    pub const fn equal(value: u32, when_true: u8, when_false: u8) -> Self {
        Self { code: JUMP_EQUAL, when_true, when_false, value }
    }

    /// Skips `when_true` instructions if the loaded value is at least `value`, otherwise `when_false`.
    #[must_use]
    pub const fn at_least(value: u32, when_true: u8, when_false: u8) -> Self {
        Self { code: JUMP_AT_LEAST, when_true, when_false, value }
    }

    /// Skips `when_true` instructions if the loaded value has any of these bits, otherwise `when_false`.
    #[must_use]
    pub const fn any_bit(bits: u32, when_true: u8, when_false: u8) -> Self {
        Self { code: JUMP_ANY_BIT, when_true, when_false, value: bits }
    }

    /// Clears all bits of the loaded value except these.
    #[must_use]
    pub const fn mask(bits: u32) -> Self {
        Self { code: AND, when_true: 0, when_false: 0, value: bits }
    }

    /// Skips `count` instructions. Unlike the tests, it can skip more than 255.
    #[must_use]
    pub const fn skip(count: u32) -> Self {
        Self { code: JUMP, when_true: 0, when_false: 0, value: count }
    }

    /// Ends the program with a verdict.
    #[must_use]
    pub const fn answer(verdict: Verdict) -> Self {
        Self { code: RETURN, when_true: 0, when_false: 0, value: verdict.value() }
    }
}

/// Runs a filter in this process as the kernel would, for tests. Returns `None` if the program is malformed.
#[must_use]
pub fn simulate(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 6]) -> Option<Verdict> {
    let mut data = Vec::from(number.to_ne_bytes());
    data.extend(architecture.to_ne_bytes());
    data.extend([0; 8]);
    data.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
    let (mut loaded, mut at) = (0_u32, 0_usize);
    loop {
        let instruction = program.get(at)?;
        at += 1;
        let holds = match instruction.code {
            LOAD => {
                let start = usize::try_from(instruction.value).ok()?;
                loaded = u32::from_ne_bytes(data.get(start..start + 4)?.try_into().ok()?);
                continue;
            }
            AND => {
                loaded &= instruction.value;
                continue;
            }
            JUMP => {
                at += usize::try_from(instruction.value).ok()?;
                continue;
            }
            RETURN => {
                return [Verdict::Allow, Verdict::Kill, Verdict::Notify]
                    .into_iter()
                    .find(|verdict| verdict.value() == instruction.value)
                    .or_else(|| u16::try_from(instruction.value & 0xFFFF).ok().map(Verdict::Errno));
            }
            JUMP_EQUAL => loaded == instruction.value,
            JUMP_AT_LEAST => loaded >= instruction.value,
            JUMP_ANY_BIT => loaded & instruction.value != 0,
            _ => return None,
        };
        at += usize::from(if holds { instruction.when_true } else { instruction.when_false });
    }
}

/// Puts this process, and all that it will start, under a filter, for ever. Needs `no_new_privs`, or `CAP_SYS_ADMIN` in
/// the process's user namespace.
///
/// # Errors
///
/// When the kernel refuses the program, or has no seccomp.
pub fn install(program: &[Instruction]) -> io::Result<()> {
    load(program, 0).map(drop)
}

/// Does the same as [`install`] for a filter that uses [`Verdict::Notify`]. Returns the descriptor for
/// [`NotifyFd::new`](crate::notify::NotifyFd::new). Calls with that verdict wait for a response, and fail after the
/// descriptor is closed.
///
/// # Errors
///
/// When the kernel refuses the program, has no seccomp or no notifications, or the process is already under a filter
/// with a listener.
pub fn install_with_listener(program: &[Instruction]) -> io::Result<OwnedFd> {
    // After the listener has received a call, only a fatal signal interrupts it: no other signal makes it start again
    // half done. Kernels before 5.19 do not support that flag.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let listener = match load(program, flags | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => load(program, flags)?,
        loaded => loaded?,
    };
    // SAFETY: with this flag the call returns a descriptor that the kernel has just made for us; it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn load(program: &[Instruction], flags: libc::c_ulong) -> io::Result<RawFd> {
    let mut filters: Vec<libc::sock_filter> = program
        .iter()
        .map(|instruction| libc::sock_filter {
            code: instruction.code,
            jt: instruction.when_true,
            jf: instruction.when_false,
            k: instruction.value,
        })
        .collect();
    let length = u16::try_from(filters.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: filters.as_mut_ptr() };
    // SAFETY: `program` points to `length` instructions in `filters`; both live across the call. The kernel copies and
    // verifies them, and writes to neither.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 { Err(io::Error::last_os_error()) } else { RawFd::try_from(result).map_err(io::Error::other) }
}
