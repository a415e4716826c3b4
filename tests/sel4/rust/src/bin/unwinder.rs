//! The unwinder by its C interface, where std's own tests do not reach: backtraces, forced unwinding, raising again, and functions found by
//! address.
// run unwinder:

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;

#[repr(C, align(16))]
struct Exception {
    class: u64,
    cleanup: Option<unsafe extern "C" fn(c_int, *mut Exception)>,
    private: [usize; 2],
}

enum Frame {}

type Stop = unsafe extern "C" fn(c_int, c_int, u64, *mut Exception, *mut Frame, *mut c_void) -> c_int;

unsafe extern "C-unwind" {
    fn _Unwind_Backtrace(trace: unsafe extern "C" fn(*mut Frame, *mut c_void) -> c_int, argument: *mut c_void)
    -> c_int;
    fn _Unwind_RaiseException(exception: *mut Exception) -> c_int;
    fn _Unwind_ForcedUnwind(exception: *mut Exception, stop: Stop, argument: *mut c_void) -> c_int;
    fn _Unwind_FindEnclosingFunction(address: *const c_void) -> *const c_void;
    fn _Unwind_GetRegionStart(frame: *mut Frame) -> usize;
    fn _Unwind_GetIP(frame: *mut Frame) -> usize;
    fn _Unwind_GetCFA(frame: *mut Frame) -> usize;
    fn _Unwind_DeleteException(exception: *mut Exception);
}

const FATAL_PHASE2_ERROR: c_int = 2;
const END_OF_STACK: c_int = 5;
const CLEANUP_PHASE: c_int = 2;
const FORCE_UNWIND: c_int = 8;
const AT_THE_END: c_int = 16;
const CLASS: u64 = 0x5445_5354_0000_0000;

thread_local! {
    static DROPPED: Cell<u32> = const { Cell::new(0) };
    static CHECKS: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

fn check(name: &str, holds: bool) {
    let (done, failed) = CHECKS.get();
    CHECKS.set((done + 1, failed + u32::from(!holds)));
    println!("{} {name}", if holds { "ok" } else { "FAILED" });
}

struct Counted;
impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// What a walk saw: the functions' first addresses, and the stack pointers.
#[derive(Default)]
struct Seen {
    functions: Vec<usize>,
    stacks: Vec<usize>,
}

unsafe extern "C" fn see(frame: *mut Frame, seen: *mut c_void) -> c_int {
    // SAFETY: called by the walk below with its argument.
    unsafe {
        let seen = &mut *seen.cast::<Seen>();
        if _Unwind_GetIP(frame) != 0 {
            seen.functions.push(_Unwind_GetRegionStart(frame));
            seen.stacks.push(_Unwind_GetCFA(frame));
        }
    }
    0
}

#[inline(never)]
fn walk(seen: &mut Seen) -> c_int {
    // SAFETY: `see` takes such an argument.
    black_box(unsafe { _Unwind_Backtrace(see, (&raw mut *seen).cast()) })
}

#[inline(never)]
fn outer(seen: &mut Seen) -> c_int {
    black_box(walk(seen))
}

fn backtraces() {
    let mut seen = Seen::default();
    check("a backtrace ends at the end of the stack", outer(&mut seen) == END_OF_STACK);
    check("it begins with its caller", seen.functions[0] == walk as *const () as usize);
    check("then the caller's caller", seen.functions[1] == outer as *const () as usize);
    check("stacks only grow upwards", seen.stacks.windows(2).all(|w| w[0] <= w[1]));
    check("main is among the callers", seen.functions.len() > 4);
    // SAFETY: looks into tables only.
    let found = |at: usize| unsafe { _Unwind_FindEnclosingFunction(at as *const c_void) } as usize;
    let start = walk as *const () as usize;
    check("a function is found by an address in it", found(start + 8) == start);
    check("none where there is no code", found(8) == 0 && found(1 << 40) == 0 && found(0) == 0);
}

unsafe extern "C" fn delete(_: c_int, exception: *mut Exception) {
    // SAFETY: made by `exception`.
    drop(unsafe { Box::from_raw(exception) });
    DROPPED.set(DROPPED.get() + 100);
}

fn exception() -> *mut Exception {
    Box::into_raw(Box::new(Exception { class: CLASS, cleanup: Some(delete), private: [0; 2] }))
}

unsafe extern "C-unwind" {
    fn pthread_create(thread: *mut usize, attributes: *const c_void, start: Start, argument: *mut c_void) -> c_int;
    fn pthread_join(thread: usize, result: *mut usize) -> c_int;
    fn pthread_exit(result: usize) -> !;
}
type Start = extern "C-unwind" fn(*mut c_void) -> usize;

/// What a thread gives that has no frame of std's, which would catch everything.
fn in_bare_thread(start: Start) -> usize {
    let (mut thread, mut result) = (0, 0);
    // SAFETY: plain use of both.
    unsafe {
        check("a thread", pthread_create(&mut thread, std::ptr::null(), start, std::ptr::null_mut()) == 0);
        pthread_join(thread, &mut result);
    }
    result
}

extern "C-unwind" fn raise(_: *mut c_void) -> usize {
    let _counted = Counted;
    let exception = exception();
    // SAFETY: a new exception, which comes back since nobody catches it.
    unsafe {
        let reason = _Unwind_RaiseException(exception);
        let dropped = DROPPED.get();
        _Unwind_DeleteException(exception);
        reason as usize + 1000 * dropped as usize + 1_000_000 * DROPPED.get() as usize
    }
}

/// Lets the unwinding go on to the end, and there ends the thread with the number of values that were dropped on the way.
unsafe extern "C" fn to_the_end(
    _: c_int,
    action: c_int,
    class: u64,
    _: *mut Exception,
    _: *mut Frame,
    calls: *mut c_void,
) -> c_int {
    let calls = calls.cast::<u32>();
    // SAFETY: called for the unwinding below, with its argument; nothing is left of the thread at the end.
    unsafe {
        *calls += 1;
        if action & !AT_THE_END != FORCE_UNWIND | CLEANUP_PHASE || class != CLASS {
            return 1;
        }
        if action & AT_THE_END != 0 {
            pthread_exit(1000 * *calls as usize + DROPPED.get() as usize);
        }
    }
    0
}

unsafe extern "C" fn not_at_all(_: c_int, _: c_int, _: u64, _: *mut Exception, _: *mut Frame, _: *mut c_void) -> c_int {
    1
}

#[inline(never)]
fn leave(depth: u32, stop: Stop, calls: *mut u32) -> c_int {
    let _counted = Counted;
    if depth > 0 {
        return black_box(leave(depth - 1, stop, calls));
    }
    // SAFETY: the frames that are left hold only what is dropped on the way.
    unsafe { _Unwind_ForcedUnwind(exception(), stop, calls.cast()) }
}

extern "C-unwind" fn forced(_: *mut c_void) -> usize {
    let mut calls = 0;
    let reason = leave(0, not_at_all, &raw mut calls) as usize;
    if reason != FATAL_PHASE2_ERROR as usize || DROPPED.replace(0) != 1 {
        return 7;
    }
    leave(4, to_the_end, &raw mut calls) as usize
}

fn raised_and_forced() {
    check(
        "an exception that nobody catches comes back, with nothing dropped",
        in_bare_thread(raise) == 100_000_000 + END_OF_STACK as usize,
    );
    let result = in_bare_thread(forced);
    check("forced unwinding drops what each frame holds", result % 1000 == 5);
    check("and asks for each frame, and at the end", result / 1000 >= 7);
}

fn main() {
    backtraces();
    raised_and_forced();
    let (done, failed) = CHECKS.get();
    println!("{done} checks, {failed} failed");
    std::process::exit(i32::from(failed != 0));
}
