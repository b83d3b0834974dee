#![doc = include_str!("../README.md")]
#![expect(unsafe_code, reason = "functions that node finds by name; what they do is in workers-engine-sys")]

use std::ffi::{c_char, c_int, c_uint, c_void};

use workers_engine_sys::{sights, template};

/// Replaces the C library's function: memory that V8 would hide from forked children stays visible to them.
///
/// # Safety
///
/// As `madvise(2)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::advise_memory`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    // SAFETY: the caller keeps the contract of `madvise(2)`.
    unsafe { template::advise_memory(address, length, advice) }
}

macro_rules! in_place_of_mmap {
    ($($name:ident),*) => {
        $(/// Replaces the C library's function: the parts of V8's heap lie side by side.
        ///
        /// # Safety
        ///
        /// As `mmap(2)`.
        // SAFETY: the name is the C library's on purpose, and so is the signature; see `template::map_memory`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            address: *mut c_void,
            length: usize,
            protection: c_int,
            flags: c_int,
            descriptor: c_int,
            offset: i64,
        ) -> *mut c_void {
            // SAFETY: the caller keeps the contract of `mmap(2)`.
            unsafe { template::map_memory(address, length, protection, flags, descriptor, offset) }
        })*
    };
}

// The C library exports the function under two names.
in_place_of_mmap!(mmap, mmap64);

/// Replaces the C library's function: a forked child exits without waiting for threads that it does not have.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::exit_process`.
#[unsafe(no_mangle)]
pub extern "C" fn exit(code: c_int) -> ! {
    template::exit_process(code)
}

/// Replaces the C library's function: records the threads that a forked child will not have.
///
/// # Safety
///
/// As `pthread_create(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::create_thread`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut usize,
    attributes: *const c_void,
    start: *const c_void,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller keeps the contract of `pthread_create(3)`.
    unsafe { template::create_thread(thread, attributes, start, argument) }
}

/// Replaces the C library's function: in a forked child, a thread of the template counts as ended.
///
/// # Safety
///
/// As `pthread_join(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::join_thread`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: usize, result: *mut *mut c_void) -> c_int {
    // SAFETY: the caller keeps the contract of `pthread_join(3)`.
    unsafe { template::join_thread(thread, result) }
}

/// Replaces the C library's function: a forked child does not wait for threads that it does not have.
///
/// # Safety
///
/// As `pthread_cond_destroy(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::destroy_condition`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_destroy(condition: *mut c_void) -> c_int {
    // SAFETY: the caller keeps the contract of `pthread_cond_destroy(3)`.
    unsafe { template::destroy_condition(condition) }
}

/// Replaces the C library's function: a forked child can destroy a lock that counts users which the child does not
/// have.
///
/// # Safety
///
/// As `pthread_mutex_destroy(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::destroy_mutex`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_destroy(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller keeps the contract of `pthread_mutex_destroy(3)`.
    unsafe { template::destroy_mutex(mutex) }
}

/// Replaces the C library's function: notes who reads the clock. What the caller is found by has to be passed on before
/// any other instruction changes it, so this is no function of Rust's.
///
/// # Safety
///
/// As `clock_gettime(2)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `sights::read_clock`.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut c_void) -> c_int {
    core::arch::naked_asm!(
        "mov rdx, [rsp]",
        "lea rcx, [rsp + 8]",
        "mov r8, rbp",
        "jmp {read_clock}",
        read_clock = sym sights::read_clock,
    )
}

/// Replaces the C library's function: notes that the date is read.
///
/// # Safety
///
/// As `gettimeofday(2)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `sights::read_date`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut c_void, zone: *mut c_void) -> c_int {
    // SAFETY: the caller keeps the contract of `gettimeofday(2)`.
    unsafe { sights::read_date(time.cast(), zone) }
}

/// Replaces the C library's function: notes that what was used is read.
///
/// # Safety
///
/// As `getrusage(2)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `sights::read_usage`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrusage(who: c_int, usage: *mut c_void) -> c_int {
    // SAFETY: the caller keeps the contract of `getrusage(2)`.
    unsafe { sights::read_usage(who, usage.cast()) }
}

macro_rules! in_place_of_open {
    ($($name:ident),*) => {
        $(/// Replaces the C library's function: notes which kind of file is opened.
        ///
        /// # Safety
        ///
        /// As `open(2)`. Where the third argument is missing, the kernel does not look at it.
        // SAFETY: the name is the C library's on purpose, and so is the signature; see `sights::open_file`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            // SAFETY: the caller keeps the contract of `open(2)`.
            unsafe { sights::open_file(path, flags, mode) }
        })*
    };
}

// The C library exports the function under two names.
in_place_of_open!(open, open64);

macro_rules! in_place_of_fopen {
    ($($name:ident),*) => {
        $(/// Replaces the C library's function: notes which kind of file is opened.
        ///
        /// # Safety
        ///
        /// As `fopen(3)`.
        // SAFETY: the name is the C library's on purpose, and so is the signature; see `sights::open_stream`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, mode: *const c_char) -> *mut c_void {
            // SAFETY: the caller keeps the contract of `fopen(3)`.
            unsafe { sights::open_stream(path, mode) }
        })*
    };
}

in_place_of_fopen!(fopen, fopen64);

/// Registers the addon. Node calls this when it loads the library.
///
/// # Safety
///
/// Only node calls it, with a live environment and a live object of that environment.
// SAFETY: node looks for exactly this name, and calls it with this signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(environment: *mut c_void, exports: *mut c_void) -> *mut c_void {
    // SAFETY: node passes a live environment and object.
    unsafe { template::register(environment, exports, workers_engine::TEMPLATE_CALLS) }
}
