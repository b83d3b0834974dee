#![doc = include_str!("../README.md")]
#![expect(unsafe_code, reason = "functions that node finds by name; what they do is in workers-engine-sys")]

use std::ffi::{c_int, c_void};

use workers_engine_sys::template;

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

/// Registers the addon. Node calls this when it loads the library.
///
/// # Safety
///
/// Only node calls it, with a live environment and a live object of that environment.
// SAFETY: node looks for exactly this name, and calls it with this signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(environment: *mut c_void, exports: *mut c_void) -> *mut c_void {
    // SAFETY: node passes a live environment and object.
    unsafe { template::register(environment, exports, workers_engine::run_template) }
}
