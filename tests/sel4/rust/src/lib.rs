//! Named checks, as `../c/check.h` has them: one line each, and a last line that counts them.

use std::fmt::Debug;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

static DONE: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

/// A condition.
#[track_caller]
pub fn check(name: &str, holds: bool) {
    equal(name, holds, true);
}

/// Two values that must be the same.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(name: &str, found: T, wanted: T) {
    DONE.fetch_add(1, SeqCst);
    if found == wanted {
        println!("ok {name}");
    } else {
        FAILED.fetch_add(1, SeqCst);
        println!("FAILED {name}: {} found {found:?}, not {wanted:?}", std::panic::Location::caller());
    }
}

/// The last line; gives the exit code.
pub fn end() -> ExitCode {
    let (done, failed) = (DONE.load(SeqCst), FAILED.load(SeqCst));
    println!("{done} checks, {failed} failed");
    ExitCode::from(u8::from(done == 0 || failed != 0))
}

/// What is in use: `struct sel4std_counts` of sel4std.h.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Pages that are free.
    pub free_pages: usize,
    /// Pages promised.
    pub promised_pages: usize,
    /// Pages that can be promised.
    pub promisable_pages: usize,
    /// Areas of the address space.
    pub areas: usize,
    /// Living threads.
    pub threads: usize,
    /// Bytes of muslcsys's records.
    pub record_bytes: usize,
}

unsafe extern "C" {
    fn sel4std_counts(counts: *mut Counts) -> isize;
}

/// The counts now.
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    // SAFETY: the structure is as sel4std.h says, and written by the call.
    let result = unsafe { sel4std_counts(&mut counts) };
    assert_eq!(result, 0);
    counts
}
