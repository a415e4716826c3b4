//! The example component: ordinary Rust on `std`, called from a C root task on seL4.
//!
//! What is `extern "C"` here stands in the header `rust_app.h`, which cbindgen writes in the build.

mod report;
/// cbindgen:ignore (what it imports is in other headers)
#[cfg(target_vendor = "sel4")]
mod sel4;

use std::ffi::{CStr, c_char, c_int};

/// Adds two numbers as DornerWorks' example of 2019 did, the first Rust function called from a C root task on seL4.
///
/// That example answered 30 for (10, 20) and 20 for (1, 20): a first operand of 1 counts as nothing. It showed a Rust
/// `match` that way, not arithmetic. The lines its root task printed are kept as they were, so this is kept too.
#[unsafe(no_mangle)]
pub extern "C" fn rust_routine(a: u32, b: u32) -> u32 {
    match a {
        1 => b,
        _ => a.wrapping_add(b),
    }
}

/// Exercises `std` and prints what came out, a line a subject.
///
/// `argc` and `argv` are those of C's `main`. std has the program's arguments from Rust's own `main` only (on every target
/// with musl), so a component that wants them is given them.
///
/// Returns the number of subjects that did not come out as they must, 0 if all did.
///
/// # Safety
///
/// `argv` points to `argc` pointers to C strings that stay as they are for the rest of the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rust_report(argc: c_int, argv: *const *const c_char) -> c_int {
    let given = (0..usize::try_from(argc).unwrap_or(0))
        // SAFETY: `argv` has `argc` strings, as the caller promises.
        .map(|number| unsafe { CStr::from_ptr(*argv.add(number)) }.to_string_lossy().into_owned())
        .collect();
    c_int::try_from(report::run(given)).unwrap_or(c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::{report, rust_routine};

    #[test]
    fn the_two_lines_of_the_example() {
        assert_eq!(rust_routine(10, 20), 30);
        assert_eq!(rust_routine(1, 20), 20);
    }

    #[test]
    fn a_sum_that_does_not_fit_wraps() {
        assert_eq!(rust_routine(u32::MAX, 2), 1);
        assert_eq!(rust_routine(0, 0), 0);
    }

    #[test]
    fn the_report_is_the_same_on_the_host() {
        assert_eq!(report::run(std::env::args().collect()), 0);
    }
}
