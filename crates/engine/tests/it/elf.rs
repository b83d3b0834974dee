//! Builds a program that makes system calls, one after the other, and exits with the error number of the first that
//! fails. It stands for a hostile native binary and needs no compiler, because it is assembled here byte by byte.

/// An argument of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    Number(u64),
    /// A pointer to these bytes, with a zero after them.
    Text(&'static [u8]),
}

const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// Returns a program that makes these calls and exits with the error number of the first that fails, or 0.
pub(crate) fn program(calls: &[(u32, [Argument; 6])]) -> Vec<u8> {
    let end = exit_code();
    let code_length = calls.len() * call_code(0, [0; 6]).len() + end.len();
    let (mut code, mut texts) = (Vec::new(), Vec::new());
    for (call, arguments) in calls {
        let values = arguments.map(|argument| match argument {
            Argument::Number(number) => number,
            Argument::Text(text) => {
                let address = BASE + HEADERS + (code_length + texts.len()) as u64;
                texts.extend(text.iter().chain(&[0]));
                address
            }
        });
        code.extend(call_code(*call, values));
    }
    let body = [code, end, texts].concat();
    let length = HEADERS + body.len() as u64;
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2_u16, machine].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([BASE + HEADERS, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    file.extend([0, BASE, BASE, length, length, 0x1000].map(u64::to_le_bytes).concat());
    file.extend(body);
    file
}

#[cfg(target_arch = "x86_64")]
fn call_code(call: u32, values: [u64; 6]) -> Vec<u8> {
    // movabs rdi, rsi, rdx, r10, r8, r9
    const LOAD: [[u8; 2]; 6] = [[0x48, 0xbf], [0x48, 0xbe], [0x48, 0xba], [0x49, 0xba], [0x49, 0xb8], [0x49, 0xb9]];
    let mut code = vec![0xb8]; // mov eax
    code.extend(call.to_le_bytes());
    for (load, value) in LOAD.into_iter().zip(values) {
        code.extend(load);
        code.extend(value.to_le_bytes());
    }
    code.extend([0x0f, 0x05]); // syscall
    code.extend([0x48, 0x85, 0xc0, 0x79, 0x0b, 0x89, 0xc7, 0xf7, 0xdf]); // test rax; jns to the end: edi = -eax
    code.extend([0xb8, 231, 0, 0, 0, 0x0f, 0x05]); // exit_group
    code
}

#[cfg(target_arch = "x86_64")]
fn exit_code() -> Vec<u8> {
    vec![0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05] // edi = 0; exit_group
}

#[cfg(target_arch = "aarch64")]
fn load(register: u32, value: u64) -> impl Iterator<Item = u32> {
    // movz, then movk for each further 16 bits
    (0..4_u32).map(move |part| {
        let bits = u32::try_from((value >> (16 * part)) & 0xffff).unwrap_or_default();
        (if part == 0 { 0xd280_0000 } else { 0xf280_0000 }) | part << 21 | bits << 5 | register
    })
}

#[cfg(target_arch = "aarch64")]
fn call_code(call: u32, values: [u64; 6]) -> Vec<u8> {
    let mut code: Vec<u32> = load(8, u64::from(call)).collect();
    for (register, value) in (0..).zip(values) {
        code.extend(load(register, value));
    }
    code.push(0xd400_0001); // svc
    code.extend([0xf100_001f, 0x5400_00ea, 0xcb00_03e0]); // cmp x0, 0; b.ge to the end; neg x0
    code.extend(load(8, 94)); // exit_group
    code.push(0xd400_0001);
    code.into_iter().flat_map(u32::to_le_bytes).collect()
}

#[cfg(target_arch = "aarch64")]
fn exit_code() -> Vec<u8> {
    let code = [0xd280_0000].into_iter().chain(load(8, 94)).chain([0xd400_0001]); // x0 = 0; exit_group
    code.flat_map(u32::to_le_bytes).collect()
}
