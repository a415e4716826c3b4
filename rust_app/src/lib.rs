//! The example component: ordinary Rust on `std`, called from a C root task on seL4.
//!
//! What is `extern "C"` here stands in the header `rust_app.h`, which cbindgen writes in the build.

mod report;
#[cfg(target_vendor = "sel4")]
mod sel4;

use std::ffi::c_int;

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
/// Returns the number of subjects that did not come out as they must, 0 if all did.
#[unsafe(no_mangle)]
pub extern "C" fn rust_report() -> c_int {
    let failed = report::run();
    c_int::try_from(failed).unwrap_or(c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::{rust_report, rust_routine};

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
        assert_eq!(rust_report(), 0);
    }
}
