//! Notes what a program looks at while it loads, that would be different in each process that loads it: clocks, random
//! numbers, the machine.
//!
//! Nothing of it is visible in JavaScript. The library that node preloads replaces functions of the C library, and the
//! replacements note their calls. Node itself reads the clock as well, for its event loop and when it collects
//! garbage. So a template does that once while it boots (*learning*), and the places that read the clock then do not
//! count later (*watching*).

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use crate::node_functions::{next_function, node_function};

/// What was looked at, as bits of [`SEEN`].
const CLOCK: u32 = 1;
const USAGE: u32 = 2;
const MACHINE: u32 = 4;

static SEEN: AtomicU32 = AtomicU32::new(0);

/// Whether calls are learned, count, or are passed on only.
static MODE: AtomicU8 = AtomicU8::new(IDLE);
const IDLE: u8 = 0;
const FINDING: u8 = 1;
const LEARNING: u8 = 2;
const WATCHING: u8 = 3;

/// The address to which `clock_gettime` returns when libuv's `uv__hrtime` calls it; 0 until it is found. Calls from
/// elsewhere are those of V8 and of the C library, whose results no program gets.
static HRTIME: AtomicUsize = AtomicUsize::new(0);

/// Whether `uv__hrtime` has a frame pointer, through which its caller is found.
static HAS_FRAMES: AtomicU8 = AtomicU8::new(0);

/// The places in node that call `uv__hrtime` for node itself.
static OWN_CALLERS: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// The most bytes between a stack pointer and the frame that it is in.
const LARGEST_FRAME: usize = 1 << 16;

/// The real function, looked up at the first call.
static REAL_CLOCK: AtomicUsize = AtomicUsize::new(0);

/// `clock_gettime(2)`, which notes who reads the clock. `returns_to` is the address that the call returns to, `stack`
/// and `frame` are the stack and frame pointer of the caller.
///
/// # Safety
///
/// As `clock_gettime(2)`; the last three are the caller's.
pub unsafe extern "C" fn read_clock(
    clock: c_int,
    time: *mut libc::timespec,
    returns_to: usize,
    stack: usize,
    frame: usize,
) -> c_int {
    type Real = unsafe extern "C" fn(c_int, *mut libc::timespec) -> c_int;
    let mode = MODE.load(Ordering::Relaxed);
    if mode != IDLE {
        // SAFETY: the caller's promise.
        unsafe { note_clock(mode, returns_to, stack, frame) };
    }
    let Some(real) = real(&REAL_CLOCK, c"clock_gettime") else {
        // SAFETY: the caller's promise.
        return unsafe { c_int::try_from(libc::syscall(libc::SYS_clock_gettime, clock, time)).unwrap_or(-1) };
    };
    // SAFETY: the address is that of the C library's `clock_gettime`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Real>(real) };
    // SAFETY: the caller's promise.
    unsafe { real(clock, time) }
}

/// # Safety
///
/// `stack` and `frame` are those of the function that `returns_to` is in.
unsafe fn note_clock(mode: u8, returns_to: usize, stack: usize, frame: usize) {
    let is_frame = frame.is_multiple_of(size_of::<usize>()) && frame >= stack && frame - stack < LARGEST_FRAME;
    if mode == FINDING {
        HRTIME.store(returns_to, Ordering::Relaxed);
        HAS_FRAMES.store(u8::from(is_frame), Ordering::Relaxed);
        return;
    }
    if returns_to != HRTIME.load(Ordering::Relaxed) {
        return;
    }
    let caller = if is_frame && HAS_FRAMES.load(Ordering::Relaxed) == 1 {
        // SAFETY: the frame lies on this thread's stack, just above the stack pointer. The word after it is there,
        // because a function that sets up a frame pointer has a return address in that place.
        unsafe { ptr::with_exposed_provenance::<usize>(frame + size_of::<usize>()).read() }
    } else {
        // Unknown, so it counts as one of the program's.
        0
    };
    let is_known = OWN_CALLERS.iter().any(|known| known.load(Ordering::Relaxed) == caller);
    if mode == WATCHING {
        if caller == 0 || !is_known {
            see(CLOCK);
        }
    } else if caller != 0 && !is_known {
        let free = OWN_CALLERS.iter().find(|known| known.load(Ordering::Relaxed) == 0);
        if let Some(free) = free {
            free.store(caller, Ordering::Relaxed);
        }
    }
}

fn see(what: u32) {
    if MODE.load(Ordering::Relaxed) == WATCHING {
        SEEN.fetch_or(what, Ordering::Relaxed);
    }
}

/// `gettimeofday(2)`, which V8 uses for `Date` alone.
///
/// # Safety
///
/// As `gettimeofday(2)`.
pub unsafe fn read_date(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    type Real = unsafe extern "C" fn(*mut libc::timeval, *mut c_void) -> c_int;
    static REAL: AtomicUsize = AtomicUsize::new(0);
    see(CLOCK);
    let Some(real) = real(&REAL, c"gettimeofday") else { return -1 };
    // SAFETY: the address is that of the C library's `gettimeofday`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Real>(real) };
    // SAFETY: the caller's promise.
    unsafe { real(time, zone) }
}

/// `getrusage(2)`.
///
/// # Safety
///
/// As `getrusage(2)`.
pub unsafe fn read_usage(who: c_int, usage: *mut libc::rusage) -> c_int {
    see(USAGE);
    // SAFETY: the caller's promise. The call goes straight to the kernel, because our function hides the C library's.
    unsafe { c_int::try_from(libc::syscall(libc::SYS_getrusage, who, usage)).unwrap_or(-1) }
}

/// Notes that a file was opened by name: what the kernel shows below `/proc`, and the devices, differ each time.
///
/// # Safety
///
/// `path` is null or NUL-terminated.
pub unsafe fn note_path(path: *const c_char) {
    if path.is_null() || MODE.load(Ordering::Relaxed) != WATCHING {
        return;
    }
    // SAFETY: the caller's promise.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    // A path without a slash in front may lead there, too, through `..` or a link; those that load modules do not.
    let is_plain =
        !path.windows(2).any(|pair| pair == b"..") && !path.starts_with(b"/proc") && !path.starts_with(b"/dev");
    if !is_plain {
        see(MACHINE);
    }
}

/// The function of the C library that ours replaces, looked up once.
fn real(kept: &AtomicUsize, name: &CStr) -> Option<*mut c_void> {
    let mut address = kept.load(Ordering::Relaxed);
    if address == 0 {
        address = next_function(name).expose_provenance();
        kept.store(address, Ordering::Relaxed);
    }
    (address != 0).then(|| ptr::with_exposed_provenance_mut(address))
}

/// `fopen(3)`, by either of its names.
///
/// # Safety
///
/// As `fopen(3)`.
#[must_use]
pub unsafe fn open_stream(path: *const c_char, mode: *const c_char) -> *mut c_void {
    type Real = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
    static REAL: AtomicUsize = AtomicUsize::new(0);
    // SAFETY: the caller's promise.
    unsafe { note_path(path) };
    let Some(real) = real(&REAL, c"fopen64") else { return ptr::null_mut() };
    // SAFETY: the address is that of the C library's `fopen64`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Real>(real) };
    // SAFETY: the caller's promise.
    unsafe { real(path, mode) }
}

/// `open(2)` with all three arguments; without `O_CREAT` the third one means nothing.
///
/// # Safety
///
/// As `open(2)`.
#[must_use]
pub unsafe fn open_file(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise. The call goes straight to the kernel, because our function hides the C library's.
    unsafe {
        note_path(path);
        let opened = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags | libc::O_LARGEFILE, mode);
        c_int::try_from(opened).unwrap_or(-1)
    }
}

/// Begins, or ends, to learn which places in node read the clock for node itself.
///
/// # Errors
///
/// When this node has no `uv_hrtime`.
pub fn learn(begins: bool) -> io::Result<()> {
    if begins {
        let hrtime = node_function(c"uv_hrtime")?;
        // SAFETY: the address is that of libuv's function of this name, which has this type.
        let hrtime = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> u64>(hrtime) };
        MODE.store(FINDING, Ordering::Relaxed);
        // SAFETY: it takes nothing and has no precondition.
        unsafe { hrtime() };
    }
    MODE.store(if begins { LEARNING } else { IDLE }, Ordering::Relaxed);
    Ok(())
}

/// What to compare when a program has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    handles: Handles,
    generators: [Generator; 2],
}

/// The active handles of the event loop, by their type.
type Handles = [u32; 32];

/// A random number generator of OpenSSL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Generator {
    /// How many requests it serves until it is seeded anew.
    requests: c_uint,
    /// How often it was seeded.
    seeded: c_uint,
}

impl Before {
    /// Begins to watch.
    pub(crate) fn watch(event_loop: *mut c_void) -> io::Result<Self> {
        let mut generators = [Generator { requests: 0, seeded: 0 }; 2];
        for (name, before) in GENERATORS.iter().zip(&mut generators) {
            before.requests = generator_value(name, c"reseed_requests")?;
            // From here on it is seeded anew for each request, and counts that.
            set_requests(name, 1)?;
            before.seeded = generator_value(name, c"reseed_counter")?;
        }
        let handles = handles(event_loop)?;
        SEEN.store(0, Ordering::Relaxed);
        MODE.store(WATCHING, Ordering::Relaxed);
        Ok(Self { handles, generators })
    }

    /// Ends to watch. Returns what a program has looked at or left since it began.
    pub(crate) fn end(&self, event_loop: *mut c_void) -> io::Result<Vec<&'static str>> {
        MODE.store(IDLE, Ordering::Relaxed);
        let seen = SEEN.load(Ordering::Relaxed);
        let mut found: Vec<_> = [
            (CLOCK, "it reads a clock"),
            (USAGE, "it reads what resources it has used"),
            (MACHINE, "it reads what the kernel shows of the machine, or a device"),
        ]
        .into_iter()
        .filter(|(bit, _)| seen & bit != 0)
        .map(|(_, what)| what)
        .collect();
        for (name, before) in GENERATORS.iter().zip(self.generators) {
            if generator_value(name, c"reseed_counter")? != before.seeded {
                found.push("it draws random bytes");
            }
            set_requests(name, before.requests)?;
        }
        // Fewer are no trace of the program: node's own callbacks that waited may have run meanwhile.
        if handles(event_loop)?.iter().zip(&self.handles).any(|(now, before)| now > before) {
            found.push("it leaves a timer or another handle in the event loop");
        }
        found.dedup();
        Ok(found)
    }
}

/// The functions of OpenSSL that return its generators of public and of secret random bytes.
const GENERATORS: [&CStr; 2] = [c"RAND_get0_public", c"RAND_get0_private"];

/// OpenSSL's `OSSL_PARAM`.
#[repr(C)]
struct Parameter {
    key: *const c_char,
    data_type: c_uint,
    data: *mut c_void,
    data_size: usize,
    return_size: usize,
}

/// `OSSL_PARAM_UNSIGNED_INTEGER`.
const UNSIGNED: c_uint = 2;

fn with_parameter<T>(
    name: &CStr,
    key: &CStr,
    value: &mut c_uint,
    call: impl FnOnce(*mut c_void, *mut Parameter) -> io::Result<T>,
) -> io::Result<T> {
    type Get = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    let get = node_function(name)?;
    // SAFETY: the address is that of OpenSSL's function of this name, which has this type; a null pointer means its
    // usual context.
    let generator = unsafe { std::mem::transmute::<*mut c_void, Get>(get)(ptr::null_mut()) };
    if generator.is_null() {
        return Err(io::Error::other("OpenSSL has no random number generator"));
    }
    let end = || Parameter { key: ptr::null(), data_type: 0, data: ptr::null_mut(), data_size: 0, return_size: 0 };
    let data = ptr::from_mut(value).cast();
    let mut parameters = [
        Parameter { key: key.as_ptr(), data_type: UNSIGNED, data, data_size: size_of::<c_uint>(), return_size: 0 },
        end(),
    ];
    call(generator, parameters.as_mut_ptr())
}

fn generator_value(name: &CStr, key: &CStr) -> io::Result<c_uint> {
    let mut value = 0;
    with_parameter(name, key, &mut value, |generator, parameters| {
        call_generator(c"EVP_RAND_CTX_get_params", generator, parameters)
    })?;
    Ok(value)
}

fn set_requests(name: &CStr, mut requests: c_uint) -> io::Result<()> {
    with_parameter(name, c"reseed_requests", &mut requests, |generator, parameters| {
        call_generator(c"EVP_RAND_CTX_set_params", generator, parameters)
    })
}

fn call_generator(name: &CStr, generator: *mut c_void, parameters: *mut Parameter) -> io::Result<()> {
    type Call = unsafe extern "C" fn(*mut c_void, *mut Parameter) -> c_int;
    let call = node_function(name)?;
    // SAFETY: the address is that of OpenSSL's function of this name, which has this type. The generator is live, and
    // the parameters are a list that ends with an empty one.
    let result = unsafe { std::mem::transmute::<*mut c_void, Call>(call)(generator, parameters) };
    if result == 1 { Ok(()) } else { Err(io::Error::other("a random number generator of OpenSSL cannot be watched")) }
}

fn handles(event_loop: *mut c_void) -> io::Result<Handles> {
    type Walk = unsafe extern "C" fn(*mut c_void, Visit, *mut c_void);
    type Visit = unsafe extern "C" fn(*mut c_void, *mut c_void);
    /// What the walk counts, and the functions that it asks about each handle.
    struct Walked {
        counts: Handles,
        is_active: unsafe extern "C" fn(*const c_void) -> c_int,
        kind: unsafe extern "C" fn(*const c_void) -> c_int,
    }
    unsafe extern "C" fn visit(handle: *mut c_void, walked: *mut c_void) {
        // SAFETY: the walk passes what it was given, a `Walked` that nothing else uses meanwhile.
        let walked = unsafe { &mut *walked.cast::<Walked>() };
        // SAFETY: the walk passes live handles.
        let (is_active, kind) = unsafe { ((walked.is_active)(handle), (walked.kind)(handle)) };
        if is_active != 0
            && let Some(count) = usize::try_from(kind).ok().and_then(|kind| walked.counts.get_mut(kind))
        {
            *count += 1;
        }
    }
    let (walk, is_active, kind) =
        (node_function(c"uv_walk")?, node_function(c"uv_is_active")?, node_function(c"uv_handle_get_type")?);
    // SAFETY: the addresses are those of libuv's functions of these names and types. The loop belongs to this thread,
    // and `walked` lives across the call, which does not keep it.
    unsafe {
        let ask = |address| std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*const c_void) -> c_int>(address);
        let mut walked = Walked { counts: [0; 32], is_active: ask(is_active), kind: ask(kind) };
        std::mem::transmute::<*mut c_void, Walk>(walk)(event_loop, visit, (&raw mut walked).cast());
        Ok(walked.counts)
    }
}
