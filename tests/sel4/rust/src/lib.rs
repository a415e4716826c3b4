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

/// What is in use.
pub use sel4std::Counts;

/// The counts once this thread is the only one: one that was joined counts for a moment longer, until it stands still.
pub fn counts() -> Counts {
    loop {
        match sel4std::counts() {
            alone if alone.threads == 1 => return alone,
            _ => std::thread::yield_now(),
        }
    }
}
