//! Makes a booted Node.js forkable: replacements for functions of the C library, calls from the template's script into
//! our code, and the repair of a forked child.
//!
//! Functions of node and of the C library that only a running node has are looked up by name when they are needed, so
//! nothing has to be linked.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::node_functions::{HEAP_FUNCTIONS, find_functions_of_children, next_function, node_function};
use crate::sights::{self, Before};

/// Whether this process is a forked child that runs a program.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// The ids of the threads that a child does not have. [`THREAD_COUNT`] is their number.
static THREADS: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
static THREAD_COUNT: AtomicUsize = AtomicUsize::new(0);

/// What the script's functions do.
static CALLS: OnceLock<Calls> = OnceLock::new();

/// The functions that the template's script can call, besides those of this crate. Each returns the text that the
/// script gets.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// `runTemplate()`; it returns only in a child.
    pub run_template: fn(NodeEnv) -> io::Result<String>,
    /// `park()`, which a child calls that is a zygote; it returns only in the children of that one.
    pub park: fn(NodeEnv) -> io::Result<String>,
}

/// What a zygote's program found when it began to load.
static BEFORE: OnceLock<Before> = OnceLock::new();

/// Access to the node that made the current call. Only a call from node creates one.
#[derive(Debug, Clone, Copy)]
pub struct NodeEnv {
    environment: *mut c_void,
}

/// `madvise(2)`, but ignores `MADV_DONTFORK`, which would keep memory from forked children.
///
/// # Safety
///
/// As `madvise(2)`.
pub unsafe fn advise_memory(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    if advice == libc::MADV_DONTFORK {
        // V8 gives this advice as an optimisation for programs that fork to run another program.
        return 0;
    }
    // SAFETY: the caller's promise. The call goes straight to the kernel, because our function hides the C library's.
    unsafe { c_int::try_from(libc::syscall(libc::SYS_madvise, address, length, advice)).unwrap_or(-1) }
}

/// The next address for V8's heap; it advances in steps of [`ARENA_STEP`] bytes. Zero until the first use.
static ARENA: AtomicUsize = AtomicUsize::new(0);
const ARENA_STEP: usize = 256 << 10;

/// The length in bytes of the longest mapping that goes there.
const ARENA_MOST: usize = 16 << 20;

/// `mmap(2)`, but replaces the random addresses that V8 picks for the parts of its heap. They would be spread all over
/// the address space, each with page tables of its own, which a fork copies and an exit frees. Here the parts follow
/// each other from one random address.
///
/// # Safety
///
/// As `mmap(2)`.
pub unsafe fn map_memory(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) -> *mut c_void {
    let is_fixed = flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) != 0;
    let is_data = flags & libc::MAP_ANONYMOUS != 0 && protection & libc::PROT_EXEC == 0;
    let hint = if is_fixed || !is_data || address.is_null() || length > ARENA_MOST {
        address
    } else {
        // V8 requests one step more than it needs, less a page, and unmaps what is not aligned.
        let kept = (length + 4096).saturating_sub(ARENA_STEP).max(1).next_multiple_of(ARENA_STEP);
        ptr::without_provenance_mut(arena().fetch_add(kept, Ordering::AcqRel))
    };
    // SAFETY: the caller's promise; an address that is not fixed is only a hint. The call goes straight to the kernel,
    // because our function hides the C library's.
    let mapped = unsafe { libc::syscall(libc::SYS_mmap, hint, length, protection, flags, descriptor, offset) };
    ptr::with_exposed_provenance_mut(usize::try_from(mapped).unwrap_or(libc::MAP_FAILED.addr()))
}

fn arena() -> &'static AtomicUsize {
    if ARENA.load(Ordering::Acquire) == 0 {
        let mut random = [0; 8];
        // SAFETY: getrandom writes at most as many bytes as the array has. If it fails, the address is the same each
        // time.
        unsafe { libc::getrandom(random.as_mut_ptr().cast(), random.len(), libc::GRND_NONBLOCK) };
        // An address between 16 and 80 TiB, where little else is mapped, aligned to 2 MiB.
        let start = (16 << 40) + (usize::from_ne_bytes(random) % (64 << 40)) / (2 << 20) * (2 << 20);
        // If two threads come here at the same time, the first one sets the address.
        let _ = ARENA.compare_exchange(0, start, Ordering::AcqRel, Ordering::Acquire);
    }
    &ARENA
}

/// `exit(3)`, but a child skips the exit handlers, which would wait for threads that it does not have.
pub fn exit_process(code: c_int) -> ! {
    let is_child = IS_CHILD.load(Ordering::Acquire);
    let real = if is_child { ptr::null_mut() } else { next_function(c"exit") };
    if real.is_null() {
        // SAFETY: fflush with a null pointer flushes all streams; _exit takes an integer and never returns.
        unsafe {
            // Of what `exit(3)` does, a program's output needs this part.
            libc::fflush(ptr::null_mut());
            libc::_exit(code)
        }
    }
    // SAFETY: the address is that of the C library's `exit`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(c_int) -> !>(real) };
    real(code)
}

/// `pthread_create(3)`, but records the new threads of the template.
///
/// # Safety
///
/// As `pthread_create(3)`.
pub unsafe fn create_thread(
    thread: *mut usize,
    attributes: *const c_void,
    start: *const c_void,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(*mut usize, *const c_void, *const c_void, *mut c_void) -> c_int;
    let real = next_function(c"pthread_create");
    if real.is_null() {
        return libc::EAGAIN;
    }
    // SAFETY: the address is that of the C library's `pthread_create`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Create>(real) };
    // SAFETY: the caller's promise.
    let result = unsafe { real(thread, attributes, start, argument) };
    if result == 0 && !IS_CHILD.load(Ordering::Acquire) {
        let index = THREAD_COUNT.fetch_add(1, Ordering::AcqRel);
        if let Some(slot) = THREADS.get(index) {
            // SAFETY: after success the caller's variable, which must be valid for writing, holds the new thread's id.
            slot.store(unsafe { *thread }, Ordering::Release);
        }
    }
    result
}

/// `pthread_join(3)`, but in a child a thread of the template counts as ended.
///
/// # Safety
///
/// As `pthread_join(3)`.
pub unsafe fn join_thread(thread: usize, result: *mut *mut c_void) -> c_int {
    type Join = unsafe extern "C" fn(usize, *mut *mut c_void) -> c_int;
    let gone = IS_CHILD.load(Ordering::Acquire) && THREADS.iter().any(|slot| slot.load(Ordering::Acquire) == thread);
    let real = next_function(c"pthread_join");
    if gone || real.is_null() {
        return 0;
    }
    // SAFETY: the address is that of the C library's `pthread_join`, which has this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Join>(real) };
    // SAFETY: the caller's promise.
    unsafe { real(thread, result) }
}

/// `pthread_cond_destroy(3)`, but does nothing in a child. The C library's function waits for the threads that wait on
/// the condition, and one of them may be a thread of the template. A condition holds no resource that must be released.
///
/// # Safety
///
/// As `pthread_cond_destroy(3)`.
pub unsafe fn destroy_condition(condition: *mut c_void) -> c_int {
    // SAFETY: the function of this name has this type; the rest is the caller's promise.
    unsafe { destroy(c"pthread_cond_destroy", condition) }
}

/// `pthread_mutex_destroy(3)`, but does nothing in a child. The C library's function fails while a thread of the
/// template counts as a user of the mutex, and then node aborts. A mutex holds no resource that must be released.
///
/// # Safety
///
/// As `pthread_mutex_destroy(3)`.
pub unsafe fn destroy_mutex(mutex: *mut c_void) -> c_int {
    // SAFETY: the function of this name has this type; the rest is the caller's promise.
    unsafe { destroy(c"pthread_mutex_destroy", mutex) }
}

/// Calls a function of the C library that destroys an object, unless this is a child.
unsafe fn destroy(name: &CStr, object: *mut c_void) -> c_int {
    type Destroy = unsafe extern "C" fn(*mut c_void) -> c_int;
    if IS_CHILD.load(Ordering::Acquire) {
        return 0;
    }
    let real = next_function(name);
    if real.is_null() {
        return 0;
    }
    // SAFETY: the callers pass only names of functions that have this type.
    let real = unsafe { std::mem::transmute::<*mut c_void, Destroy>(real) };
    // SAFETY: the caller's promise.
    unsafe { real(object) }
}

/// Adds functions to the addon's object: those of `calls`; `reallyExit(code)`, which ends a child at once; `learn(1)`
/// and `learn(0)`, between which node reads the clock for itself alone; and `watch()`, from which on it is noted what a
/// program looks at ([`NodeEnv::sights`]).
///
/// # Safety
///
/// `environment` and `exports` are what node passes to an addon that registers.
pub unsafe fn register(environment: *mut c_void, exports: *mut c_void, calls: Calls) -> *mut c_void {
    type CreateFunction =
        unsafe extern "C" fn(*mut c_void, *const c_char, usize, Callback, *mut c_void, *mut *mut c_void) -> c_int;
    type SetProperty = unsafe extern "C" fn(*mut c_void, *mut c_void, *const c_char, *mut c_void) -> c_int;
    if IS_CHILD.load(Ordering::Acquire) || CALLS.set(calls).is_err() {
        // A user's program that loads the library again gets an empty object.
        return exports;
    }
    let (Ok(create), Ok(set)) = (node_function(c"napi_create_function"), node_function(c"napi_set_named_property"))
    else {
        return exports;
    };
    let functions: [(&CStr, Callback); 5] = [
        (c"runTemplate", call_run_template),
        (c"park", call_park),
        (c"learn", call_learn),
        (c"watch", call_watch),
        (c"reallyExit", call_exit),
    ];
    for (name, callback) in functions {
        let mut function = ptr::null_mut();
        // SAFETY: both addresses are node's functions of these names, whose types are part of Node-API's stable
        // interface. The environment and the object are live by the caller's promise, the name is NUL-terminated,
        // `function` is a live local.
        unsafe {
            let create = std::mem::transmute::<*mut c_void, CreateFunction>(create);
            let set = std::mem::transmute::<*mut c_void, SetProperty>(set);
            let length = name.count_bytes();
            if create(environment, name.as_ptr(), length, callback, ptr::null_mut(), &raw mut function) == 0 {
                set(environment, exports, name.as_ptr(), function);
            }
        }
    }
    exports
}

/// A function that JavaScript calls.
type Callback = unsafe extern "C" fn(*mut c_void, *mut c_void) -> *mut c_void;

/// Implements `reallyExit(code)`.
unsafe extern "C" fn call_exit(environment: *mut c_void, call: *mut c_void) -> *mut c_void {
    // SAFETY: node calls this with its own environment and call.
    exit_process(unsafe { number_argument(environment, call) })
}

/// Implements `learn(begins)`.
unsafe extern "C" fn call_learn(environment: *mut c_void, call: *mut c_void) -> *mut c_void {
    // SAFETY: node calls this with its own environment and call.
    let begins = unsafe { number_argument(environment, call) } != 0;
    // SAFETY: as before.
    unsafe { answer(environment, || sights::learn(begins).map(|()| String::new())) }
}

/// Implements `watch()`.
unsafe extern "C" fn call_watch(environment: *mut c_void, _: *mut c_void) -> *mut c_void {
    let watch = || {
        let before = Before::watch(NodeEnv { environment }.event_loop()?)?;
        BEFORE.set(before).map_err(|_| io::Error::other("the program is being watched already"))?;
        Ok(String::new())
    };
    // SAFETY: node calls this with its own environment.
    unsafe { answer(environment, watch) }
}

/// Returns the only argument of a call, a number; 0 if it is none.
///
/// # Safety
///
/// Both are what node passes to a callback.
unsafe fn number_argument(environment: *mut c_void, call: *mut c_void) -> i32 {
    type GetArguments = unsafe extern "C" fn(
        *mut c_void,
        *mut c_void,
        *mut usize,
        *mut *mut c_void,
        *mut *mut c_void,
        *mut *mut c_void,
    ) -> c_int;
    type GetNumber = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut i32) -> c_int;
    let (mut count, mut argument, mut code) = (1, ptr::null_mut(), 0);
    if let (Ok(arguments), Ok(number)) = (node_function(c"napi_get_cb_info"), node_function(c"napi_get_value_int32")) {
        // SAFETY: both addresses are node's functions of these names, whose types are part of Node-API's stable
        // interface; the environment and the call are those that node has just passed; the out-pointers are to live
        // locals, and one argument has room.
        unsafe {
            let arguments = std::mem::transmute::<*mut c_void, GetArguments>(arguments);
            let number = std::mem::transmute::<*mut c_void, GetNumber>(number);
            arguments(environment, call, &raw mut count, &raw mut argument, ptr::null_mut(), ptr::null_mut());
            // An argument that is no number leaves the code at 0.
            number(environment, argument, &raw mut code);
        }
    }
    code
}

/// Implements `runTemplate()`.
unsafe extern "C" fn call_run_template(environment: *mut c_void, _: *mut c_void) -> *mut c_void {
    let run_template = || match CALLS.get() {
        Some(calls) if !IS_CHILD.load(Ordering::Acquire) => {
            let program = (calls.run_template)(NodeEnv { environment })?;
            // From here on the replaced functions of the C library leave out the template's threads.
            IS_CHILD.store(true, Ordering::Release);
            Ok(program)
        }
        _ => Err(io::Error::other("not a template")),
    };
    // SAFETY: node calls this with its own environment.
    unsafe { answer(environment, run_template) }
}

/// Implements `park()`.
unsafe extern "C" fn call_park(environment: *mut c_void, _: *mut c_void) -> *mut c_void {
    let park = || match CALLS.get() {
        Some(calls) if IS_CHILD.load(Ordering::Acquire) => (calls.park)(NodeEnv { environment }),
        _ => Err(io::Error::other("not a child of a template")),
    };
    // SAFETY: node calls this with its own environment.
    unsafe { answer(environment, park) }
}

/// Gives the script what `call` returns: a text, or an error to throw.
///
/// # Safety
///
/// `environment` is what node passes to a callback, which returns after this.
unsafe fn answer(environment: *mut c_void, call: impl FnOnce() -> io::Result<String>) -> *mut c_void {
    type CreateText = unsafe extern "C" fn(*mut c_void, *const c_char, usize, *mut *mut c_void) -> c_int;
    type Throw = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int;
    // A panic must not unwind into node's frames.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    let result = result.unwrap_or_else(|_| Err(io::Error::other("the template panicked")));
    let (Ok(create), Ok(throw)) = (node_function(c"napi_create_string_utf8"), node_function(c"napi_throw_error"))
    else {
        return ptr::null_mut();
    };
    let mut value = ptr::null_mut();
    // SAFETY: both addresses are node's functions of these names, whose types are part of Node-API's stable interface.
    // The environment is that of the running call. The texts live across the calls; the first is passed with its
    // length.
    unsafe {
        match result {
            Ok(text) => {
                let create = std::mem::transmute::<*mut c_void, CreateText>(create);
                create(environment, text.as_ptr().cast(), text.len(), &raw mut value);
            }
            Err(error) => {
                let throw = std::mem::transmute::<*mut c_void, Throw>(throw);
                let message = CString::new(error.to_string()).unwrap_or_default();
                throw(environment, ptr::null(), message.as_ptr());
            }
        }
    }
    value
}

impl NodeEnv {
    /// Gives the event loop of a forked child descriptors of its own. Before the call, every number that the parent's
    /// loop uses must refer to a descriptor that may be closed, because the loop first closes these numbers.
    ///
    /// # Errors
    ///
    /// When the kernel is out of descriptors; then the loop is of no use.
    pub fn fork_event_loop(self) -> io::Result<()> {
        type ForkLoop = unsafe extern "C" fn(*mut c_void) -> c_int;
        let (event_loop, fork) = (self.event_loop()?, node_function(c"uv_loop_fork")?);
        // SAFETY: the address is that of libuv's function of this name and type. The loop belongs to this thread, which
        // does not run it at the moment.
        let result = unsafe { std::mem::transmute::<*mut c_void, ForkLoop>(fork)(event_loop) };
        if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-result)) }
    }

    /// Returns node's event loop.
    fn event_loop(self) -> io::Result<*mut c_void> {
        type GetLoop = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;
        let get = node_function(c"napi_get_uv_event_loop")?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: the address is that of node's function of this name and type. The environment is that of the running
        // call (a `NodeEnv` is only made by one), `event_loop` is a live local.
        let result = unsafe { std::mem::transmute::<*mut c_void, GetLoop>(get)(self.environment, &raw mut event_loop) };
        if result == 0 { Ok(event_loop) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) }
    }

    /// Ends to watch the program, and returns what it has looked at or left in this process so that another process
    /// that loads it would not be the same. Each is a sentence without a full stop, with `it` for the program.
    ///
    /// # Errors
    ///
    /// When `watch()` was not called, or this node lacks the functions for it.
    pub fn sights(self) -> io::Result<Vec<&'static str>> {
        let before = BEFORE.get().ok_or_else(|| io::Error::other("the program was not watched"))?;
        before.end(self.event_loop()?)
    }

    /// Lowers the limit of V8's heap to this many bytes.
    ///
    /// # Errors
    ///
    /// When this node does not export the functions for it.
    pub fn limit_heap(self, bytes: usize) -> io::Result<()> {
        type Current = unsafe extern "C" fn() -> *mut c_void;
        type Add = unsafe extern "C" fn(*mut c_void, NearLimit, *mut c_void);
        type Remove = unsafe extern "C" fn(*mut c_void, NearLimit, usize);
        let [current, add, remove] = HEAP_FUNCTIONS;
        let (current, add, remove) = (node_function(current)?, node_function(add)?, node_function(remove)?);
        // SAFETY: the addresses are those of three functions of V8's public interface, found by names that contain
        // their types, so a node with others would lack them. They are member functions without virtual dispatch: the
        // object is the first argument. The isolate is the one that runs on this thread. The callback is never called:
        // it is removed at once, and removing it is what sets the limit.
        unsafe {
            let current = std::mem::transmute::<*mut c_void, Current>(current);
            let add = std::mem::transmute::<*mut c_void, Add>(add);
            let remove = std::mem::transmute::<*mut c_void, Remove>(remove);
            let isolate = current();
            if isolate.is_null() {
                return Err(io::Error::other("no isolate"));
            }
            add(isolate, keep_limit, ptr::null_mut());
            remove(isolate, keep_limit, bytes);
        }
        Ok(())
    }

    /// Looks up all functions that a child will call.
    ///
    /// # Errors
    ///
    /// When this node lacks one of them.
    pub fn prepare(self) -> io::Result<()> {
        find_functions_of_children()
    }
}

type NearLimit = unsafe extern "C" fn(*mut c_void, usize, usize) -> usize;

unsafe extern "C" fn keep_limit(_: *mut c_void, current: usize, _: usize) -> usize {
    current
}

/// What the kernel shows about this process's memory. It is the same in forked children.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLayout {
    map: MemoryMap,
}

impl MemoryLayout {
    /// Reads it from `/proc/self/stat`.
    ///
    /// # Errors
    ///
    /// When there is no `/proc`.
    pub fn read() -> io::Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // The second field may contain anything; the third comes after its last parenthesis.
        let fields: Vec<u64> = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.split(' ').map(|field| field.trim().parse().unwrap_or_default()).collect())
            .unwrap_or_default();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let map = MemoryMap {
            start_code: field(26),
            end_code: field(27),
            start_data: field(45),
            end_data: field(46),
            start_brk: field(47),
            // Read when it is needed, because the heap grows until then.
            brk: 0,
            start_stack: field(28),
            arguments: [0; 2],
            environment: [0; 2],
            auxiliary: 0,
            auxiliary_size: 0,
            // This value leaves the program as it is.
            program: u32::MAX,
        };
        Ok(Self { map })
    }

    /// Makes the kernel show these arguments and this environment as the process's own. Each text in them ends with a
    /// NUL.
    ///
    /// # Errors
    ///
    /// When the kernel does not let a process without privileges do so (`CONFIG_CHECKPOINT_RESTORE`).
    pub fn set_command_line(mut self, arguments: &[u8], environment: &[u8]) -> io::Result<()> {
        // The kernel reads this memory for the rest of the process's life.
        let shown: &'static mut [u8] = Box::leak([arguments, environment].concat().into_boxed_slice());
        let start = shown.as_ptr() as u64;
        let middle = start + arguments.len() as u64;
        self.map.arguments = [start, middle];
        self.map.environment = [middle, middle + environment.len() as u64];
        // SAFETY: brk with an address that cannot be set changes nothing and returns the current one.
        let program_break = unsafe { libc::syscall(libc::SYS_brk, 0) };
        self.map.brk = u64::try_from(program_break).unwrap_or_default();
        // SAFETY: the structure is the kernel's `prctl_mm_map`, lives across the call and is passed with its size. It
        // changes only what the kernel shows about the process; the texts it points to live as long as the process.
        let result =
            unsafe { libc::prctl(libc::PR_SET_MM, PR_SET_MM_MAP, &raw const self.map, size_of::<MemoryMap>(), 0) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

const PR_SET_MM_MAP: libc::c_ulong = 14;

/// The kernel's `prctl_mm_map`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct MemoryMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arguments: [u64; 2],
    environment: [u64; 2],
    /// A pointer; 0 keeps the current value.
    auxiliary: u64,
    auxiliary_size: u32,
    program: u32,
}
