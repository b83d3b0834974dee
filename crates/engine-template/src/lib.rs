#![doc = include_str!("../README.md")]
#![expect(unsafe_code, reason = "functions that node finds by name; what they do is in workers-engine-sys")]

use std::ffi::{c_int, c_void};

use workers_engine_sys::template;

/// In place of the C library's: memory that V8 would hide from forked children is not hidden.
///
/// # Safety
///
/// As `madvise(2)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::advise_memory`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    // SAFETY: the caller's promise is handed on.
    unsafe { template::advise_memory(address, length, advice) }
}

macro_rules! in_place_of_mmap {
    ($($name:ident),*) => {
        $(/// In place of the C library's: the parts of V8's heap lie side by side.
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
            // SAFETY: the caller's promise is handed on.
            unsafe { template::map_memory(address, length, protection, flags, descriptor, offset) }
        })*
    };
}

// The C library has it under two names.
in_place_of_mmap!(mmap, mmap64);

/// In place of the C library's: a forked child leaves without waiting for threads that it does not have.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::leave`.
#[unsafe(no_mangle)]
pub extern "C" fn exit(code: c_int) -> ! {
    template::leave(code)
}

/// In place of the C library's: remembers the threads that a forked child will not have.
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
    // SAFETY: the caller's promise is handed on.
    unsafe { template::create_thread(thread, attributes, start, argument) }
}

/// In place of the C library's: a thread that was not forked along counts as ended.
///
/// # Safety
///
/// As `pthread_join(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::join_thread`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: usize, result: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's promise is handed on.
    unsafe { template::join_thread(thread, result) }
}

/// In place of the C library's: a forked child does not wait for the waiters that it does not have.
///
/// # Safety
///
/// As `pthread_cond_destroy(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::destroy_condition`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_destroy(condition: *mut c_void) -> c_int {
    // SAFETY: the caller's promise is handed on.
    unsafe { template::destroy_condition(condition) }
}

/// In place of the C library's: in a forked child, a lock that counts users who are not there can be destroyed.
///
/// # Safety
///
/// As `pthread_mutex_destroy(3)`.
// SAFETY: the name is the C library's on purpose, and so is the signature; see `template::destroy_mutex`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_destroy(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller's promise is handed on.
    unsafe { template::destroy_mutex(mutex) }
}

/// What node calls when the library is loaded as an addon.
///
/// # Safety
///
/// Only node calls it, with a live environment and a live object of that environment.
// SAFETY: node looks for this very name, and calls it with this signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(environment: *mut c_void, exports: *mut c_void) -> *mut c_void {
    // SAFETY: node's promise is handed on.
    unsafe { template::register(environment, exports, workers_engine::serve_template) }
}
