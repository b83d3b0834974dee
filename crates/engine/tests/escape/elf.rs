//! A program that makes one system call and exits with its error number: what a hostile native binary could do, without needing a
//! compiler. It is laid out here byte by byte.

/// An argument of a system call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    Number(u64),
    /// A pointer to this text.
    Text(&'static str),
}

const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// A program that makes a call and exits with its error number, or 0.
pub(super) fn program(call: u32, arguments: [Argument; 6]) -> Vec<u8> {
    let code_length = machine_code(call, [0; 6]).len() as u64;
    let mut texts = Vec::new();
    let values = arguments.map(|argument| match argument {
        Argument::Number(number) => number,
        Argument::Text(text) => {
            let address = BASE + HEADERS + code_length + texts.len() as u64;
            texts.extend(text.bytes().chain([0]));
            address
        }
    });
    let body = [machine_code(call, values), texts].concat();
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
fn machine_code(call: u32, values: [u64; 6]) -> Vec<u8> {
    // movabs rdi, rsi, rdx, r10, r8, r9
    const LOAD: [[u8; 2]; 6] = [[0x48, 0xbf], [0x48, 0xbe], [0x48, 0xba], [0x49, 0xba], [0x49, 0xb8], [0x49, 0xb9]];
    let mut code = vec![0xb8]; // mov eax
    code.extend(call.to_le_bytes());
    for (load, value) in LOAD.into_iter().zip(values) {
        code.extend(load);
        code.extend(value.to_le_bytes());
    }
    code.extend([0x0f, 0x05]); // syscall
    code.extend([0x31, 0xff, 0x48, 0x85, 0xc0]); // edi = 0; test rax
    code.extend([0x79, 0x04, 0x89, 0xc7, 0xf7, 0xdf]); // jns over: edi = -eax
    code.extend([0xb8, 231, 0, 0, 0, 0x0f, 0x05]); // exit_group
    code
}

#[cfg(target_arch = "aarch64")]
fn machine_code(call: u32, values: [u64; 6]) -> Vec<u8> {
    let load = |register: u32, value: u64| {
        // movz, then movk for each further 16 bits
        (0..4_u32).map(move |part| {
            let bits = u32::try_from((value >> (16 * part)) & 0xffff).unwrap_or_default();
            (if part == 0 { 0xd280_0000 } else { 0xf280_0000 }) | part << 21 | bits << 5 | register
        })
    };
    let mut code: Vec<u32> = load(8, u64::from(call)).collect();
    for (register, value) in (0..).zip(values) {
        code.extend(load(register, value));
    }
    code.push(0xd400_0001); // svc
    code.extend([0xf100_001f, 0x5400_006a, 0xcb00_03e0, 0x1400_0002]); // cmp x0, 0; b.ge +3; neg x0; b +2
    code.push(0xd280_0000); // x0 = 0
    code.extend(load(8, 94)); // exit_group
    code.push(0xd400_0001);
    code.into_iter().flat_map(u32::to_le_bytes).collect()
}
