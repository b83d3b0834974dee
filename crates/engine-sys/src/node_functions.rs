//! Functions of node, and of the C library behind ours, looked up by name in the running process.

use std::ffi::{CStr, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Member functions of V8's class `Isolate`: `GetCurrent`, `AddNearHeapLimitCallback`, `RemoveNearHeapLimitCallback`.
pub(crate) const HEAP_FUNCTIONS: [&CStr; 3] = [
    c"_ZN2v87Isolate10GetCurrentEv",
    c"_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_",
    c"_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm",
];

/// Returns a function by name from the libraries that come after this one in the search order.
pub(crate) fn next_function(name: &CStr) -> *mut c_void {
    // SAFETY: `name` is NUL-terminated and lives across the call; RTLD_NEXT is a valid pseudo handle.
    unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
}

/// The functions of node that a child calls. The template looks them up once: a search touches many pages, each of
/// which a child would have to map.
static CALLED_BY_CHILDREN: [(&CStr, AtomicPtr<c_void>); 9] = [
    (c"napi_create_string_utf8", AtomicPtr::new(ptr::null_mut())),
    (c"napi_throw_error", AtomicPtr::new(ptr::null_mut())),
    (c"napi_get_uv_event_loop", AtomicPtr::new(ptr::null_mut())),
    (c"napi_get_cb_info", AtomicPtr::new(ptr::null_mut())),
    (c"napi_get_value_int32", AtomicPtr::new(ptr::null_mut())),
    (c"uv_loop_fork", AtomicPtr::new(ptr::null_mut())),
    (HEAP_FUNCTIONS[0], AtomicPtr::new(ptr::null_mut())),
    (HEAP_FUNCTIONS[1], AtomicPtr::new(ptr::null_mut())),
    (HEAP_FUNCTIONS[2], AtomicPtr::new(ptr::null_mut())),
];

/// Returns a function of node by name.
pub(crate) fn node_function(name: &CStr) -> io::Result<*mut c_void> {
    let kept = CALLED_BY_CHILDREN.iter().find(|(known, _)| *known == name).map(|(_, address)| address);
    let mut found = kept.map_or(ptr::null_mut(), |address| address.load(Ordering::Acquire));
    if found.is_null() {
        // SAFETY: `name` is NUL-terminated and lives across the call; RTLD_DEFAULT is a valid pseudo handle.
        found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if let Some(address) = kept {
            address.store(found, Ordering::Release);
        }
    }
    if found.is_null() { Err(io::Error::other(format!("node lacks {}", name.to_string_lossy()))) } else { Ok(found) }
}

/// Looks up all functions that a child will call.
pub(crate) fn find_functions_of_children() -> io::Result<()> {
    CALLED_BY_CHILDREN.iter().try_for_each(|(name, _)| node_function(name).map(drop))
}
